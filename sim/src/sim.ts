/**
 * `shoal sim SCENARIO [--seed N] [--nodes N] [--runner reference|cost] [--json]` runs the real code on simulated machines
 * and links, in virtual time. Exit status 1: a checker found a violation; 2: wrong usage; 3: the simulator itself failed.
 * `shoal sim list` names the scenarios.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { messageOf } from '@shoal/host'
import { endWhenReaderIsGone, exitWithParent, systemClock } from '@shoal/host/node'
import { round } from './bench/report.ts'
import { playScenario } from './play.ts'
import { scenarios } from './scenarios/index.ts'
import type { Outcome } from './simulator/outcome.ts'
import { runnerNames } from './simulator/tiny-model.ts'

function print(outcome: Outcome, realSeconds: number): void {
  const {
    scenario,
    seed,
    nodes,
    virtualSeconds,
    tokens,
    answers,
    failovers,
    tokensLost,
    tokensChanged,
    traceHash,
    violations,
    repeat,
  } = outcome
  const faults = Object.entries(outcome.faults).flatMap(([kind, count]) =>
    count === 0 ? [] : [`${kind} ${count}`],
  )
  process.stdout.write(
    `${scenario}, seed ${seed}: ${nodes} nodes, ${virtualSeconds} virtual seconds in ${realSeconds} real ones, ${outcome.events} events\n`,
  )
  process.stdout.write(`  done to it      ${faults.length === 0 ? 'nothing' : faults.join(', ')}\n`)
  process.stdout.write(
    `  answers         ${answers}, ${tokens} tokens, ${tokensLost} lost, ${tokensChanged} changed, ${failovers} failovers\n`,
  )
  process.stdout.write(
    `  detection       p50 ${outcome.detectionMsP50 ?? '-'} ms, p99 ${outcome.detectionMsP99 ?? '-'} ms; recovery p50 ${outcome.recoveryMsP50 ?? '-'} ms, p99 ${outcome.recoveryMsP99 ?? '-'} ms\n`,
  )
  process.stdout.write(`  network         ${outcome.bytesPerPeerPerSecond} bytes per peer and second\n`)
  process.stdout.write(`  trace           ${traceHash}\n`)
  for (const violation of violations) process.stdout.write(`  violation       ${violation}\n`)
  if (violations.length > 0) process.stdout.write(`  repeat          ${repeat}\n`)
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: 'string', default: '1' },
      nodes: { type: 'string' },
      runner: { type: 'string' },
      // File for all entries of the trace: a `diff` of two files shows where two runs diverge.
      trace: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const [name, ...rest] = positionals
  const [seed, nodes] = [Number(values.seed), values.nodes === undefined ? undefined : Number(values.nodes)]
  const runner = runnerNames.find((candidate) => candidate === values.runner)
  if (
    name === undefined ||
    rest.length > 0 ||
    !Number.isSafeInteger(seed) ||
    seed < 0 ||
    (nodes !== undefined && (!Number.isSafeInteger(nodes) || nodes < 1)) ||
    (values.runner !== undefined && runner === undefined)
  ) {
    process.stderr.write(
      `usage: shoal sim SCENARIO|list [--seed N] [--nodes N] [--runner ${runnerNames.join('|')}] [--trace FILE] [--json]\n`,
    )
    return 2
  }
  if (name === 'list') {
    if (values.json)
      process.stdout.write(
        `${JSON.stringify({ scenarios: scenarios.map(({ name: scenario, about }) => ({ name: scenario, about })) })}\n`,
      )
    else
      for (const scenario of scenarios)
        process.stdout.write(`  ${scenario.name.padEnd(22)}  ${scenario.about}\n`)
    return 0
  }
  const lines: string[] = []
  const startMs = systemClock.nowMs()
  try {
    const outcome = await playScenario(name, {
      seed,
      nodes,
      runner,
      ...(values.trace === undefined ? {} : { listener: (line) => void lines.push(line) }),
    })
    // Real time depends on this machine and not on the seed, so that it is not part of the outcome.
    const realSeconds = round((systemClock.nowMs() - startMs) / 1000)
    if (values.json) process.stdout.write(`${JSON.stringify({ ...outcome, realSeconds })}\n`)
    else print(outcome, realSeconds)
    return outcome.violations.length === 0 ? 0 : 1
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    process.stderr.write(`${error.message}\n`)
    return 2
  } finally {
    if (values.trace !== undefined) writeFileSync(values.trace, `${lines.join('\n')}\n`)
  }
}

if (process.connected) exitWithParent()
endWhenReaderIsGone()
try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(
    `sim failed: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`,
  )
  process.exitCode = 3
}
