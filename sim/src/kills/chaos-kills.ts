import { messageOf, seededRandom } from '@shoal/host'
import { caseOf, faultsOf, runKill, stages, type KillCase } from './kill-runs.ts'
import { killPoints } from './kill-points.ts'
import { sessionsLeft, startMortalSwarm } from './mortal-swarm.ts'

export interface KillsReport {
  readonly answers: number
  readonly processesKilled: number
  readonly failovers: number
  readonly tokens: number
  /** Answers for each point and stage. */
  readonly kills: Readonly<Record<string, number>>
  readonly failed: readonly {
    readonly seed: number
    readonly violations: readonly string[]
    readonly repeat: string
  }[]
  readonly lines: readonly string[]
}

/** Generates `count` answers of the demo model over one swarm; in each of them one process or two kill themselves. */
export async function chaosKills(
  from: number,
  count: number,
  report: (line: string) => void,
): Promise<KillsReport> {
  const swarm = await startMortalSwarm({ model: 'demo' }, [...stages, ...stages])
  const failed: KillsReport['failed'][number][] = []
  const kills: Record<string, number> = {}
  let [processesKilled, failovers, tokens] = [0, 0, 0]
  try {
    for (let seed = from; seed < from + count; seed += 1) {
      const one = caseOf(seed, seededRandom(seed))
      const what = nameOf(one)
      kills[what] = (kills[what] ?? 0) + 1
      const violations = await runKill(swarm, one).then(
        (outcome) => {
          processesKilled += outcome.killed
          failovers += outcome.result.failovers
          tokens += outcome.result.tokenIds.length
          return faultsOf(outcome)
        },
        (error: unknown) => [messageOf(error)],
      )
      if (violations.length > 0)
        failed.push({
          seed,
          violations: violations.map((violation) => `${what}: ${violation}`),
          repeat: `npm run chaos -- kills --count 1 --from ${seed}`,
        })
      for (const violation of violations) report(`seed ${seed}, ${what}: ${violation}`)
      const done = seed - from + 1
      if (done % killPoints.length === 0) report(`${done} of ${count} answers`)
    }
    const open = await sessionsLeft(swarm)
    if (open > 0)
      failed.push({
        seed: from,
        violations: [`${open} sessions are still open at the end`],
        repeat: `npm run chaos -- kills --count ${count} --from ${from}`,
      })
  } finally {
    await swarm.close()
  }
  const lines = [
    `${count} answers, ${failed.length} failed: ${processesKilled} processes killed themselves, ${failovers} failovers, ${tokens} tokens`,
    Object.entries(kills)
      .map(([what, times]) => `${what} ${times}`)
      .join(', '),
  ]
  return { answers: count, processesKilled, failovers, tokens, kills, failed, lines }
}

const nameOf = ({ point, stage }: KillCase): string => `${point} ${['first', 'middle', 'last'][stage]}`
