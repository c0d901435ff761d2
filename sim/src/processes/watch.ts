import { sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import type { SwarmStatus } from '@shoal/swarm'
import { disagreements, ghostsOf, type Views } from './agreement.ts'
import type { CrewMember } from './crew.ts'

/** Some seconds are enough on an idle machine; a process of a very busy one takes two minutes to start. */
const agreeWithinMs = 300_000
const lookEveryMs = 250
/** A killed process refuses the dial-back at once: what is held alive for longer is a ghost. */
const ghostAfterMs = 10_000

/** Peers that should agree by now do not. */
export class Disagreement extends Error {}

/** Looks at everybody's own view, and remembers which lives have ended. */
export interface Watch {
  /** Ghosts that were seen, and what callers add. */
  readonly violations: string[]
  kill(member: CrewMember): Promise<void>
  /** Ids of the peers that run and serve now. */
  livingPeers(): Promise<string[]>
  /** @returns milliseconds it took @throws {Disagreement} with what they do not agree on */
  untilAgreed(when: string): Promise<number>
  /** Resolves when they have agreed on one snapshot for so long. */
  untilQuiet(when: string, quietMs: number): Promise<void>
}

/** @param onlookers views of those who are no members, as of now */
export function createWatch(
  crew: readonly CrewMember[],
  onlookers: () => Views,
  report: (line: string) => void,
): Watch {
  const endedMs = new Map<string, number>()
  const lives = new Map<string, string>()
  const violations: string[] = []

  const look = async (): Promise<Map<string, SwarmStatus>> => {
    const views = new Map<string, SwarmStatus>()
    for (const member of crew) {
      const status = member.runs ? await member.look() : null
      const self = status?.peers.find((peer) => peer.self)
      if (self !== undefined) lives.set(member.name, `${self.peer}@${self.incarnation}`)
      if (status !== null) views.set(member.name, status)
    }
    const over = new Set(
      [...endedMs].filter(([, atMs]) => systemClock.nowMs() - atMs > ghostAfterMs).map(([life]) => life),
    )
    for (const [name, status] of views)
      for (const ghost of ghostsOf(status, over))
        violations.push(`${name} holds ${ghost} alive more than ${ghostAfterMs} ms after its end`)
    return views
  }
  const untilAgreed = async (when: string): Promise<number> => {
    const startMs = systemClock.nowMs()
    let told = ''
    for (;;) {
      const views = await look()
      const reasons = [
        ...crew.filter(({ name }) => !views.has(name)).map(({ name }) => `${name} does not serve yet`),
        ...disagreements(views, onlookers()),
      ]
      const elapsedMs = systemClock.nowMs() - startMs
      if (reasons.join() !== told)
        report(
          `${(elapsedMs / 1000).toFixed(1)} s: ${reasons.length === 0 ? 'all agree' : reasons.join('; ')}`,
        )
      told = reasons.join()
      if (reasons.length === 0) return elapsedMs
      if (elapsedMs > agreeWithinMs)
        throw new Disagreement(`${when}, after ${Math.round(elapsedMs)} ms: ${reasons.join('; ')}`)
      await sleep(systemClock, lookEveryMs)
    }
  }

  return {
    violations,
    async kill(member) {
      await member.kill()
      const life = lives.get(member.name)
      if (life !== undefined) endedMs.set(life, systemClock.nowMs())
      lives.delete(member.name)
    },
    async livingPeers() {
      return [...(await look()).values()].flatMap(({ peers }) =>
        peers.filter((peer) => peer.self).map(({ peer }) => peer),
      )
    },
    untilAgreed,
    async untilQuiet(when, quietMs) {
      const startMs = systemClock.nowMs()
      let [agreed, sinceMs] = ['', startMs]
      while (systemClock.nowMs() - sinceMs < quietMs) {
        await untilAgreed(when)
        const now = [...(await look()).values()].map(({ snapshotHash }) => snapshotHash).join()
        if (now !== agreed) [agreed, sinceMs] = [now, systemClock.nowMs()]
        if (systemClock.nowMs() - startMs > agreeWithinMs)
          throw new Disagreement(`${when}: they agree, and change their minds again and again`)
        await sleep(systemClock, lookEveryMs)
      }
    },
  }
}
