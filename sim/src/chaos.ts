/**
 * `npm run chaos [-- sim|membership] [--seeds N] [--from SEED] [--json]`: many seeds of one harness, with counts. Exit 1
 * when one failed.
 * `npm run chaos -- processes [--restarts N] [--from SEED] [--json]`: five real processes, killed and started again.
 */
import { parseArgs } from 'node:util'
import { messageOf } from '@shoal/host'
import { churnMembership } from './churn/membership.ts'
import { chaosSim } from './churn/sim.ts'
import { chaosRestarts } from './processes/restarts.ts'

/** What a harness found. */
export interface HarnessReport {
  readonly failed: readonly { readonly seed: number; readonly violations: readonly string[]; readonly repeat: string }[]
  /** For people. */
  readonly lines: readonly string[]
}

type Harness = (from: number, seeds: number, report: (line: string) => void, restarts: number) => Promise<HarnessReport>
const harnesses: Readonly<Record<string, Harness>> = {
  sim: chaosSim,
  membership: churnMembership,
  processes: (from, _seeds, report, restarts) => chaosRestarts(from, restarts, report),
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      restarts: { type: 'string', default: '100' },
      json: { type: 'boolean', default: false },
    },
  })
  const [seeds, from, restarts] = [Number(values.seeds), Number(values.from), Number(values.restarts)]
  const [name = 'sim', ...rest] = positionals
  const harness = harnesses[name]
  if (harness === undefined || rest.length > 0 || !Number.isSafeInteger(seeds) || seeds < 1 || !Number.isSafeInteger(from) || from < 0 || !Number.isSafeInteger(restarts) || restarts < 0) {
    process.stderr.write(`usage: npm run chaos -- [${Object.keys(harnesses).join('|')}] [--seeds N | --restarts N] [--from SEED] [--json]\n`)
    return 2
  }
  const { lines, ...result } = await harness(from, seeds, (line) => void process.stderr.write(`${line}\n`), restarts)
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`)
  else {
    for (const line of lines) process.stdout.write(`${line}\n`)
    for (const { seed, violations, repeat } of result.failed) process.stdout.write(`seed ${seed}: ${violations[0]}\n  repeat: ${repeat}\n`)
  }
  return result.failed.length === 0 ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`chaos failed: ${messageOf(error)}\n`)
  process.exitCode = 1
}
