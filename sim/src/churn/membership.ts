import { quantile } from '../bench/report.ts'
import { runChurn, type ChurnResult } from './churn.ts'
import { turnOfEventLoop } from '../turn.ts'

/** Totals over all seeds. */
export interface ChurnReport {
  readonly seeds: number
  readonly failed: readonly {
    readonly seed: number
    readonly violations: readonly string[]
    readonly repeat: string
  }[]
  readonly acts: Readonly<Record<string, number>>
  readonly convergedMsP50: number
  readonly convergedMsP99: number
  readonly convergedMsMax: number
  readonly documentBytesMax: number
  /** Number of seeds that end with groups in the plan. */
  readonly withGroups: number
  /** Hostile inhabitants by kind, over all seeds. */
  readonly hostile: Readonly<Record<string, number>>
  readonly lines: readonly string[]
}

/** Churn of 16 peers over membership and planner alone, one seed after the other. */
export function churnMembership(
  first: number,
  seeds: number,
  report: (line: string) => void,
): Promise<ChurnReport> {
  return churn(first, seeds, report, false)
}

/** Churn of 16 peers that take part in groups, and follow the plan at the end. */
export function churnGroups(
  first: number,
  seeds: number,
  report: (line: string) => void,
): Promise<ChurnReport> {
  return churn(first, seeds, report, true)
}

async function churn(
  first: number,
  seeds: number,
  report: (line: string) => void,
  groups: boolean,
): Promise<ChurnReport> {
  const results: ChurnResult[] = []
  for (let seed = first; seed < first + seeds; seed += 1) {
    const result = await runChurn(seed, 16, groups)
    results.push(result)
    for (const violation of result.violations) report(`seed ${seed}: ${violation}`)
    if (results.length % 50 === 0) report(`${results.length} of ${seeds} seeds`)
    await turnOfEventLoop()
  }
  return countUp(results, groups ? 'groups' : 'membership')
}

export function countUp(results: readonly ChurnResult[], harness: string): ChurnReport {
  const acts = sumsOf(results.map((result) => result.acts))
  const hostile = sumsOf(results.map((result) => result.hostile))
  const converged = results.map(({ convergedMs }) => convergedMs)
  const failed = results
    .filter(({ violations }) => violations.length > 0)
    .map(({ seed, violations }) => ({
      seed,
      violations,
      repeat: `npm run chaos -- ${harness} --seeds 1 --from ${seed}`,
    }))
  const [convergedMsP50, convergedMsP99, convergedMsMax] = [
    quantile(converged, 0.5),
    quantile(converged, 0.99),
    Math.max(...converged),
  ]
  const documentBytesMax = Math.max(...results.map(({ documentBytes }) => documentBytes))
  const withGroups = results.filter(({ groups }) => groups > 0).length
  return {
    seeds: results.length,
    failed,
    acts,
    hostile,
    convergedMsP50,
    convergedMsP99,
    convergedMsMax,
    documentBytesMax,
    withGroups,
    lines: [
      `${results.length} seeds${withGroups > 0 ? `, ${withGroups} of which end with groups` : ''}, ${failed.length} failed: ${listOf(acts)}`,
      `hostile members: ${listOf(hostile) || 'none'}`,
      `all agree after ${convergedMsP50} ms of calm (median), ${convergedMsP99} ms (99%), ${convergedMsMax} ms (most); documents up to ${documentBytesMax} bytes`,
    ],
  }
}

function sumsOf(counts: readonly Readonly<Partial<Record<string, number>>>[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const one of counts)
    for (const [name, count] of Object.entries(one)) sums[name] = (sums[name] ?? 0) + (count ?? 0)
  return sums
}

const listOf = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
