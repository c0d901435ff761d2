import { sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import type { SwarmStatus } from '@shoal/swarm'
import { disagreements, ghostsOf, type Views } from './agreement.ts'
import type { CrewMember } from './crew.ts'

/** On an idle machine some seconds are enough; on a very busy one a process takes two minutes to start. */
const agreeWithinMs = 300_000
const lookEveryMs = 250
/** A killed process refuses the dial-back at once. A view that holds it alive for longer than this holds a ghost. */
const ghostAfterMs = 10_000

/** Peers that should agree by now do not. */
export class Disagreement extends Error {}

/** Asks every process for its own view of the swarm, and remembers which incarnations have ended. */
export class Watch {
  /** Ghosts that views held alive, and what callers add. */
  readonly violations: string[] = []
  readonly #crew: readonly CrewMember[]
  readonly #onlookers: () => Views
  readonly #report: (line: string) => void
  /** `peer@incarnation` that runs, by the name of its process. */
  readonly #lives = new Map<string, string>()
  /** When each `peer@incarnation` was killed. */
  readonly #endedMs = new Map<string, number>()

  /** @param onlookers present views of clients, which see the swarm and are no members */
  constructor(crew: readonly CrewMember[], onlookers: () => Views, report: (line: string) => void) {
    this.#crew = crew
    this.#onlookers = onlookers
    this.#report = report
  }

  async kill(member: CrewMember): Promise<void> {
    await member.kill()
    const life = this.#lives.get(member.name)
    if (life !== undefined) this.#endedMs.set(life, systemClock.nowMs())
    this.#lives.delete(member.name)
  }

  /** Ids of the peers that run and serve now. */
  async livingPeers(): Promise<string[]> {
    return [...(await this.#look()).values()].flatMap(({ peers }) =>
      peers.filter((peer) => peer.self).map(({ peer }) => peer),
    )
  }

  /**
   * Waits until all processes and onlookers agree.
   * @returns milliseconds it took
   * @throws {Disagreement} with what they do not agree on
   */
  async untilAgreed(when: string): Promise<number> {
    const startMs = systemClock.nowMs()
    let reported = ''
    for (;;) {
      const reasons = await this.#reasonsToWait()
      const elapsedMs = systemClock.nowMs() - startMs
      const seconds = (elapsedMs / 1000).toFixed(1)
      if (reasons.join() !== reported)
        this.#report(`${seconds} s: ${reasons.length === 0 ? 'all agree' : reasons.join('; ')}`)
      reported = reasons.join()
      if (reasons.length === 0) return elapsedMs
      if (elapsedMs > agreeWithinMs)
        throw new Disagreement(`${when}, after ${Math.round(elapsedMs)} ms: ${reasons.join('; ')}`)
      await sleep(systemClock, lookEveryMs)
    }
  }

  /** Waits until all have agreed on one snapshot for `quietMs`. @throws {Disagreement} when it keeps changing */
  async untilQuiet(when: string, quietMs: number): Promise<void> {
    const startMs = systemClock.nowMs()
    let [agreed, sinceMs] = ['', startMs]
    while (systemClock.nowMs() - sinceMs < quietMs) {
      await this.untilAgreed(when)
      const now = [...(await this.#look()).values()].map(({ snapshotHash }) => snapshotHash).join()
      if (now !== agreed) [agreed, sinceMs] = [now, systemClock.nowMs()]
      if (systemClock.nowMs() - startMs > agreeWithinMs)
        throw new Disagreement(`${when}: the peers agree, but their snapshot keeps changing`)
      await sleep(systemClock, lookEveryMs)
    }
  }

  async #reasonsToWait(): Promise<string[]> {
    const views = await this.#look()
    return [
      ...this.#crew.filter(({ name }) => !views.has(name)).map(({ name }) => `${name} does not serve yet`),
      ...disagreements(views, this.#onlookers()),
    ]
  }

  /** @returns the view of each process that serves, by its name */
  async #look(): Promise<Map<string, SwarmStatus>> {
    const views = new Map<string, SwarmStatus>()
    for (const member of this.#crew) {
      const status = member.runs ? await member.look() : null
      const self = status?.peers.find((peer) => peer.self)
      if (self !== undefined) this.#lives.set(member.name, `${self.peer}@${self.incarnation}`)
      if (status !== null) views.set(member.name, status)
    }
    this.#recordGhosts(views)
    return views
  }

  #recordGhosts(views: Views): void {
    const nowMs = systemClock.nowMs()
    const over = new Set(
      [...this.#endedMs].filter(([, atMs]) => nowMs - atMs > ghostAfterMs).map(([life]) => life),
    )
    for (const [name, status] of views)
      for (const ghost of ghostsOf(status, over))
        this.violations.push(`${name} holds ${ghost} alive more than ${ghostAfterMs} ms after its end`)
  }
}
