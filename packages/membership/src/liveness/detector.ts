import type { Clock } from '@shoal/host'
import { RefusedDial } from '@shoal/network'
import { memberLimits } from '../limits.ts'
import type { DetectorTiming } from '../options.ts'
import { applyLife, type Life, type LifeEvent } from './liveness.ts'

export interface DetectorDependencies {
  readonly clock: Clock
  /** Called before any news is believed, so that a standstill of the observer is counted first. */
  readonly beforeNews: () => void
  /** Resolves when the peer answers; rejects with {@link RefusedDial} when nothing listens there, or with another error. */
  readonly dialBack: (peer: string, signal: AbortSignal) => Promise<void>
  readonly onTransition: (peer: string, after: Life) => void
}

/** What one observer believes about the life of each peer, and the dial-backs that decide its suspicions. */
export class Detector {
  readonly #parts: DetectorDependencies
  readonly #timing: DetectorTiming
  readonly #lives = new Map<string, Life>()
  readonly #dials = new Map<string, AbortController>()
  /** Peers whose present suspicion has had its dial-back: an answer extends the deadline once. */
  readonly #dialled = new Set<string>()

  constructor(dependencies: DetectorDependencies, timing: DetectorTiming) {
    this.#parts = dependencies
    this.#timing = timing
  }

  get(peer: string): Life | undefined {
    return this.#lives.get(peer)
  }

  apply(peer: string, event: LifeEvent): void {
    // `beforeNews` itself applies `observer-paused` events, to count a standstill.
    if (event.type !== 'observer-paused') this.#parts.beforeNews()
    const before = this.#lives.get(peer)
    const after = applyLife(before, event, this.#timing)
    if (after === undefined || after === before) return
    this.#lives.set(peer, after)
    if (before?.liveness === after.liveness && before.incarnation === after.incarnation) return
    this.#dialled.delete(peer)
    if (after.liveness !== 'suspect' && after.liveness !== 'unknown')
      this.#dials.get(peer)?.abort(new Error('decided'))
    if (after.liveness === 'suspect') this.#startDial(peer)
    if (after.liveness === 'dead' || after.liveness === 'left') this.#forgetOldest()
    this.#parts.onTransition(peer, after)
  }

  /** Applies every deadline that has come, and dials peers that are still `unknown` two beat intervals after their record. */
  tick(): void {
    const atMs = this.#parts.clock.nowMs()
    const { leaseMs, beatIntervalMs } = this.#timing
    for (const [peer, life] of this.#lives) {
      if (life.liveness === 'unknown' && atMs >= life.deadlineMs - leaseMs + 2 * beatIntervalMs)
        this.#startDial(peer)
      this.apply(peer, { type: 'time-passed', atMs })
    }
  }

  /** The observer itself stood still for this long. */
  paused(durationMs: number): void {
    for (const peer of this.#lives.keys()) this.apply(peer, { type: 'observer-paused', durationMs })
  }

  close(): void {
    for (const controller of this.#dials.values()) controller.abort(new Error('closed'))
  }

  #startDial(peer: string): void {
    if (this.#dials.has(peer) || this.#dialled.has(peer)) return
    const { clock, dialBack } = this.#parts
    this.#dialled.add(peer)
    const controller = new AbortController()
    this.#dials.set(peer, controller)
    const timer = clock.after(this.#timing.dialBackMs, () => controller.abort(new Error('no answer')))
    const end = (event: LifeEvent | undefined): void => {
      timer.cancel()
      this.#dials.delete(peer)
      if (event !== undefined) this.apply(peer, event)
    }
    dialBack(peer, controller.signal).then(
      () => end({ type: 'dial-answered', atMs: clock.nowMs() }),
      // A refusal is a verdict. Silence is none, and neither is a failure on this side, such as a dial that was not made: the
      // deadline decides.
      (error: unknown) =>
        end(error instanceof RefusedDial ? { type: 'dial-refused', atMs: clock.nowMs() } : undefined),
    )
  }

  /** Ended lives are kept so that old records stay dead; the oldest is forgotten when there are too many. */
  #forgetOldest(): void {
    if (this.#lives.size <= memberLimits.maxTombstones) return
    for (const [peer, life] of this.#lives) {
      if (life.liveness !== 'dead' && life.liveness !== 'left') continue
      this.#lives.delete(peer)
      return
    }
  }
}
