/**
 * `npm run chaos [-- HARNESS] [--count N] [--from SEED] [--json]`: the harnesses that take too long for `npm test`, with
 * counts of what they did. Exit status 1 when a promise was broken.
 *
 *     sim          the whole system on simulated machines, one run for each seed (the default)
 *     tight        like sim, with so little memory that every loss needs a move
 *     prefixes     like sim, with prompts that begin alike; every third seed in tight memory
 *     drafts       like sim, with long answers whose drafts are under way when faults strike
 *     membership   churn over membership and planner, in virtual time
 *     agreement    64 peers that follow their plans while others come and go: how long their plans differ
 *     groups       like membership, with peers that take part in groups
 *     grammars     answers of the demo model under random JSON Schemas, each checked by another validator
 *     processes    five real processes, killed and started again
 *     outages      three real processes with memory for half of the model each: one is killed every 20 s and comes back,
 *                  while two answers at a time are compared with those of one process [--count KILLS]
 *     golden       every golden model over real processes, with the tokens of its reference implementation [--from N --count N
 *                  of them]
 *     margins      every golden model in int8:32 and int4:128 beside float32: divergence and same best tokens, as a table
 *                  [--from N --count N of them]
 *     kills        real processes that kill themselves at exact points
 *     siege        three real processes whose honest answers are compared while another process attacks one of them
 *                  [--attack NAME|none|each|all] [--count SECONDS of each attack]
 *     topologies   real processes behind real routers, in network namespaces of this machine [--layout NAME|each]
 *     idle         the layout of that name: what five nodes send while nothing is asked of them [--count SECONDS]
 *     streams      long answers over real processes whose stages are replaced by stages with other cuts [--tokens N]
 */
import { parseArgs } from 'node:util'
import { messageOf } from '@shoal/host'
import { endWhenReaderIsGone } from '@shoal/host/node'
import { chaosAgreement } from './churn/agreement.ts'
import { churnGroups, churnMembership } from './churn/membership.ts'
import { chaosDrafts, chaosPrefixes, chaosSim, chaosTight } from './churn/sim.ts'
import { chaosGrammars } from './grammars/chaos-grammars.ts'
import { chaosKills } from './kills/chaos-kills.ts'
import { chaosStreams } from './kills/chaos-streams.ts'
import { chaosMargins } from './margins/margins.ts'
import { chaosGolden } from './processes/golden.ts'
import { chaosOutages } from './processes/outages.ts'
import { chaosRestarts } from './processes/restarts.ts'
import { chaosSiege } from './siege/siege.ts'
import { chaosTopologies } from './topologies/chaos-topologies.ts'

/** Result of a harness. */
export interface HarnessReport {
  readonly failed: readonly {
    readonly seed: number
    readonly violations: readonly string[]
    readonly repeat: string
  }[]
  /** Summary for people. */
  readonly lines: readonly string[]
}

/** Options that single harnesses have. */
interface HarnessOptions {
  readonly tokens: number
  readonly attack: string
  readonly layout: string
}

interface Harness {
  /** Default of `--count`. */
  readonly count: number
  run(
    from: number,
    count: number,
    report: (line: string) => void,
    options: HarnessOptions,
  ): Promise<HarnessReport>
}

const harnesses: Readonly<Record<string, Harness>> = {
  sim: { count: 1000, run: chaosSim },
  tight: { count: 300, run: chaosTight },
  prefixes: { count: 300, run: chaosPrefixes },
  drafts: { count: 200, run: chaosDrafts },
  membership: { count: 1000, run: churnMembership },
  agreement: { count: 5, run: chaosAgreement },
  groups: { count: 200, run: churnGroups },
  grammars: { count: 500, run: chaosGrammars },
  processes: { count: 100, run: chaosRestarts },
  outages: { count: 15, run: chaosOutages },
  golden: { count: 100, run: chaosGolden },
  margins: { count: 100, run: chaosMargins },
  kills: { count: 100, run: chaosKills },
  siege: { count: 60, run: (_from, count, report, { attack }) => chaosSiege(attack, count, report) },
  topologies: { count: 1, run: (_from, _count, report, { layout }) => chaosTopologies(layout, report) },
  idle: { count: 600, run: (_from, count, report) => chaosTopologies('idle', report, count) },
  streams: {
    count: 1,
    run: (from, count, report, { tokens }) => chaosStreams(from, count, report, tokens),
  },
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      count: { type: 'string' },
      // `--seeds` and `--restarts` are older names of `--count`.
      seeds: { type: 'string' },
      restarts: { type: 'string' },
      from: { type: 'string', default: '1' },
      tokens: { type: 'string', default: '500' },
      attack: { type: 'string', default: 'each' },
      layout: { type: 'string', default: 'each' },
      json: { type: 'boolean', default: false },
    },
  })
  const [name = 'sim', ...rest] = positionals
  const harness = harnesses[name]
  const [count, from, tokens] = [
    Number(values.count ?? values.seeds ?? values.restarts ?? harness?.count),
    Number(values.from),
    Number(values.tokens),
  ]
  const whole =
    [count, tokens].every((value) => Number.isSafeInteger(value) && value > 0) &&
    Number.isSafeInteger(from) &&
    from >= 0
  if (harness === undefined || rest.length > 0 || !whole) {
    process.stderr.write(
      `usage: npm run chaos -- [${Object.keys(harnesses).join('|')}] [--count N] [--from SEED] [--tokens N] [--attack NAME] [--layout NAME] [--json]\n`,
    )
    return 2
  }
  const { lines, ...result } = await harness.run(
    from,
    count,
    (line) => void process.stderr.write(`${line}\n`),
    { tokens, attack: values.attack, layout: values.layout },
  )
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`)
  else {
    for (const line of lines) process.stdout.write(`${line}\n`)
    for (const { seed, violations, repeat } of result.failed)
      process.stdout.write(`seed ${seed}: ${violations[0]}\n  repeat: ${repeat}\n`)
  }
  return result.failed.length === 0 ? 0 : 1
}

endWhenReaderIsGone()
try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`chaos failed: ${messageOf(error)}\n`)
  process.exitCode = 1
}
