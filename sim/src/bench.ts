/**
 * `shoal bench NAME`: measures variants side by side in one run, with interleaved repetitions. With `--json` the last line
 * of stdout is one JSON object. Progress goes to stderr.
 */
import { parseArgs } from 'node:util'
import { dataDirectory, endWhenReaderIsGone, exitWithParent } from '@shoal/host/node'
import { messageOf } from '@shoal/host'
import { benchAllreduce } from './bench/allreduce.ts'
import { benchAudit } from './bench/audit.ts'
import { benchDecode } from './bench/decode.ts'
import { benchFailover } from './bench/failover.ts'
import { benchFlips } from './bench/flips.ts'
import { benchGrammar } from './bench/grammar.ts'
import { benchGroups } from './bench/groups.ts'
import { benchMembership } from './bench/membership.ts'
import { benchMemory } from './bench/memory.ts'
import { benchPipeline } from './bench/pipeline.ts'
import { benchPlanner } from './bench/planner.ts'
import { benchPrefill } from './bench/prefill.ts'
import { benchPrefix } from './bench/prefix.ts'
import { benchQuality } from './bench/quality.ts'
import { benchRelay } from './bench/relay.ts'
import { benchSpeculative } from './bench/speculative.ts'
import { benchTensorParallel } from './bench/tensor-parallel.ts'
import { benchThroughput } from './bench/throughput.ts'
import type { BenchReport } from './bench/report.ts'
import { benchesWithWeights, type BenchSettings } from './bench/settings.ts'

const benches: Readonly<Record<string, (settings: BenchSettings) => Promise<BenchReport>>> = {
  decode: benchDecode,
  pipeline: benchPipeline,
  speculative: benchSpeculative,
  'tensor-parallel': benchTensorParallel,
  allreduce: benchAllreduce,
  audit: benchAudit,
  failover: benchFailover,
  flips: benchFlips,
  grammar: benchGrammar,
  groups: benchGroups,
  membership: benchMembership,
  memory: benchMemory,
  planner: benchPlanner,
  prefill: benchPrefill,
  prefix: benchPrefix,
  quality: benchQuality,
  relay: benchRelay,
  throughput: benchThroughput,
}

function print(report: BenchReport, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(report)}\n`)
    return
  }
  process.stdout.write(`${report.name} on ${report.model}\n`)
  for (const [name, value] of Object.entries(report.median)) {
    const spread = report.samples[name]
    process.stdout.write(
      `  ${name.padEnd(36)} ${String(value).padStart(10)}${spread === undefined ? '' : `   ${spread.map((sample) => sample.toPrecision(4)).join(' ')}`}\n`,
    )
  }
  for (const note of report.notes) process.stdout.write(`  note: ${note}\n`)
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      model: { type: 'string' },
      weights: { type: 'string' },
      data: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      tokens: { type: 'string', default: '32' },
    },
  })
  const [name, ...rest] = positionals
  const bench = name === undefined ? undefined : benches[name]
  const rounds = Number(values.rounds)
  const tokens = Number(values.tokens)
  if (
    bench === undefined ||
    rest.length > 0 ||
    !Number.isSafeInteger(rounds) ||
    rounds < 1 ||
    !Number.isSafeInteger(tokens) ||
    tokens < 2
  ) {
    process.stderr.write(
      `usage: shoal bench ${Object.keys(benches).join('|')} [--model REF] [--weights FORMAT] [--rounds N] [--tokens N] [--data DIR] [--json]\n`,
    )
    return 2
  }
  const { model, weights } = values
  if (weights !== undefined && !benchesWithWeights.includes(name ?? '')) {
    process.stderr.write(
      `bench ${name} has no --weights: it is an option of ${benchesWithWeights.join(' and ')}\n`,
    )
    return 2
  }
  const report = (line: string): void => void process.stderr.write(`${line}\n`)
  print(
    await bench({ model, weights, dataFolder: dataDirectory(values.data), rounds, tokens, report }),
    values.json,
  )
  return 0
}

if (process.connected) exitWithParent()
endWhenReaderIsGone()
try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`bench failed: ${messageOf(error)}\n`)
  process.exitCode = 1
}
