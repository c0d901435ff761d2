import { quantile, round } from '../bench/report.ts'
import { playScenario } from '../play.ts'
import type { Outcome } from '../simulator/outcome.ts'
import { turnOfEventLoop } from '../turn.ts'

/** Totals over all seeds. */
export interface SimChaosReport {
  readonly seeds: number
  readonly failed: readonly {
    readonly seed: number
    readonly violations: readonly string[]
    readonly repeat: string
  }[]
  readonly tokens: number
  readonly tokensLost: number
  readonly tokensChanged: number
  readonly answers: number
  readonly failovers: number
  readonly drafted: number
  readonly accepted: number
  /** Share of the seeds in which at least one stage was replaced. */
  readonly shareWithFailover: number
  readonly faults: Readonly<Record<string, number>>
  readonly killPoints: Readonly<Record<string, number>>
  readonly virtualSeconds: number
  /** Medians over seeds. */
  readonly detectionMsP50: number
  readonly recoveryMsP50: number
  readonly lines: readonly string[]
}

/** Plays `shoal sim chaos`, one seed after the other. */
export function chaosSim(
  first: number,
  seeds: number,
  report: (line: string) => void,
): Promise<SimChaosReport> {
  return playSeeds(first, seeds, report, (seed) => playScenario('chaos', { seed }))
}

/** Plays `shoal sim tight` with three, four and five nodes in turn. */
export function chaosTight(
  first: number,
  seeds: number,
  report: (line: string) => void,
): Promise<SimChaosReport> {
  return playSeeds(first, seeds, report, (seed) => playScenario('tight', { seed, nodes: 3 + (seed % 3) }))
}

/** Plays `shoal sim shared-prefixes`, every third time in tight memory. */
export function chaosPrefixes(
  first: number,
  seeds: number,
  report: (line: string) => void,
): Promise<SimChaosReport> {
  return playSeeds(first, seeds, report, (seed) =>
    playScenario(seed % 3 === 0 ? 'shared-prefixes-tight' : 'shared-prefixes', { seed }),
  )
}

/** Plays `shoal sim drafts`. */
export function chaosDrafts(
  first: number,
  seeds: number,
  report: (line: string) => void,
): Promise<SimChaosReport> {
  return playSeeds(first, seeds, report, (seed) => playScenario('drafts', { seed }))
}

async function playSeeds(
  first: number,
  seeds: number,
  report: (line: string) => void,
  play: (seed: number) => Promise<Outcome>,
): Promise<SimChaosReport> {
  const outcomes: Outcome[] = []
  for (let seed = first; seed < first + seeds; seed += 1) {
    const outcome = await play(seed)
    outcomes.push(outcome)
    for (const violation of outcome.violations) report(`seed ${seed}: ${violation}`)
    if (outcomes.length % 50 === 0) report(`${outcomes.length} of ${seeds} seeds`)
    await turnOfEventLoop()
  }
  return countUp(outcomes)
}

export function countUp(outcomes: readonly Outcome[]): SimChaosReport {
  const sum = (pick: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + pick(outcome), 0)
  const median = (pick: (outcome: Outcome) => number | null): number =>
    round(
      quantile(
        outcomes.map(pick).filter((value) => value !== null),
        0.5,
      ),
    )
  const total = (pick: (outcome: Outcome) => Readonly<Record<string, number>>): Record<string, number> => {
    const counts: Record<string, number> = {}
    for (const outcome of outcomes)
      for (const [kind, count] of Object.entries(pick(outcome))) counts[kind] = (counts[kind] ?? 0) + count
    return counts
  }
  const [faults, killPoints] = [total((outcome) => outcome.faults), total((outcome) => outcome.killPoints)]
  const failed = outcomes
    .filter(({ violations }) => violations.length > 0)
    .map(({ seed, violations, repeat }) => ({ seed, violations, repeat }))
  const counts = {
    seeds: outcomes.length,
    failed,
    tokens: sum(({ tokens }) => tokens),
    tokensLost: sum(({ tokensLost }) => tokensLost),
    tokensChanged: sum(({ tokensChanged }) => tokensChanged),
    answers: sum(({ answers }) => answers),
    failovers: sum(({ failovers }) => failovers),
    drafted: sum(({ drafted }) => drafted),
    accepted: sum(({ accepted }) => accepted),
    shareWithFailover: round(sum(({ failovers }) => (failovers > 0 ? 1 : 0)) / Math.max(1, outcomes.length)),
    faults,
    killPoints,
    virtualSeconds: Math.round(sum(({ virtualSeconds }) => virtualSeconds)),
    detectionMsP50: median(({ detectionMsP50 }) => detectionMsP50),
    recoveryMsP50: median(({ recoveryMsP50 }) => recoveryMsP50),
  }
  return {
    ...counts,
    lines: [
      `${counts.seeds} seeds, ${failed.length} failed: ${counts.answers} answers, ${counts.tokens} tokens, ${counts.tokensLost} lost, ${counts.tokensChanged} changed`,
      `${counts.failovers} failovers, at least one in ${Math.round(100 * counts.shareWithFailover)}% of the seeds; ${counts.virtualSeconds} virtual seconds`,
      `${counts.drafted} tokens were drafted, ${counts.accepted} of them drawn`,
      `faults: ${Object.entries(faults)
        .map(([kind, count]) => `${kind} ${count}`)
        .join(', ')}`,
      `kills at an exact point: ${Object.entries(killPoints)
        .map(([point, count]) => `${point} ${count}`)
        .join(', ')}`,
      `a loss is noticed after ${counts.detectionMsP50} ms, and the next token comes ${counts.recoveryMsP50} ms later (medians of medians)`,
    ],
  }
}
