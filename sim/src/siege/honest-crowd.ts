import { messageOf, onAbort, reasonOf, sleep, timeLimit } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { decodeHello, encodeHello, protocols, protocolVersion } from '@shoal/protocol'
import type { Engine } from '@shoal/swarm'
import { ask, type Expected } from '../processes/answers.ts'
import type { CrewMember } from '../processes/crew.ts'
import type { Target } from './attack.ts'
import { createRawPeer, readFrames } from './raw-peer.ts'
import type { WindowTally } from './windows.ts'

/** A newcomer is answered within this time: it is the time that a joining peer gives a hello. */
const helloLimitMs = 10_000

/** What honest peers see while the swarm is attacked. */
export class HonestCrowd {
  answers = 0
  readonly wrong: string[] = []
  readonly shutOut: string[] = []
  #tally: WindowTally | null = null
  #lastTokenMs = systemClock.nowMs()

  /** Counts tokens into this tally from now on; null counts them nowhere. */
  watch(tally: WindowTally | null): void {
    // The wait for a token that has not come yet counts too.
    this.#countStall()
    this.#tally = tally
    this.#lastTokenMs = systemClock.nowMs()
  }

  /** Asks one question after the other until the signal aborts. */
  async askForEver(engine: Engine, expected: readonly Expected[], signal: AbortSignal): Promise<void> {
    for (let turn = 0; !signal.aborted; turn += 1) {
      const { faults } = await ask(engine, expected[turn % expected.length]!, () => this.#token())
      this.answers += 1
      this.wrong.push(...faults.map((fault) => `answer ${this.answers}: ${fault}`))
      if (faults.length > 0) await sleep(systemClock, 500)
    }
  }

  /** A new client says hello to the target. */
  async newcomer(target: Target): Promise<void> {
    const startMs = systemClock.nowMs()
    const limit = timeLimit(systemClock, helloLimitMs, () => new Error('no answer'))
    const peer = await createRawPeer({ listen: [], signal: limit.signal })
    try {
      const channel = await peer.open(target.address, protocols.hello)
      const frames = readFrames(channel)
      const none = { manifest: null, profile: null, model: null }
      await channel.send(
        ...encodeHello({ type: 'hello', version: protocolVersion, agent: 'siege', role: 'client', ...none }),
      )
      const aborted = new Promise<never>((_, reject) =>
        onAbort(limit.signal, () => reject(reasonOf(limit.signal))),
      )
      const answer = decodeHello(await Promise.race([frames.next(), aborted]))
      if (answer.type === 'refused') throw new Error(answer.message)
    } catch (error) {
      const ms = Math.round(systemClock.nowMs() - startMs)
      this.shutOut.push(`a newcomer was refused after ${ms} ms: ${messageOf(error)}`)
    } finally {
      limit.clear()
      await peer.close()
    }
  }

  /** Every node of the crew holds all of the crew alive. */
  async lookAround(crew: readonly CrewMember[]): Promise<void> {
    const ids = crew.map((member) => member.ready()?.peerId)
    for (const member of crew) {
      let missing: (string | undefined)[]
      try {
        const status = await member.look()
        const alive = new Set(
          (status?.peers ?? []).filter(({ liveness }) => liveness === 'alive').map(({ peer }) => peer),
        )
        missing = ids.filter((id) => !alive.has(id ?? ''))
      } catch (error) {
        this.shutOut.push(messageOf(error))
        continue
      }
      for (const id of missing) this.shutOut.push(`${member.name} does not hold …${id?.slice(-6)} alive`)
    }
  }

  #token(): void {
    if (this.#tally !== null) this.#tally.tokens += 1
    this.#countStall()
    this.#lastTokenMs = systemClock.nowMs()
  }

  #countStall(): void {
    if (this.#tally === null) return
    this.#tally.stallMs = Math.max(this.#tally.stallMs, systemClock.nowMs() - this.#lastTokenMs)
  }
}
