import type { Clock } from '@shoal/host'
import { RefusedDial } from '@shoal/network'
import { memberLimits } from '../limits.ts'
import type { DetectorTiming } from '../options.ts'
import { applyLife, type Life, type LifeEvent } from './liveness.ts'

export interface DetectorDependencies {
  readonly clock: Clock
  /** Called before any news is believed, so that a standstill of the observer is counted first. */
  readonly beforeNews: () => void
  /** Whether this observer is one of those that watch the peer. */
  readonly isWatched: (peer: string) => boolean
  /** Resolves when the peer answers; rejects with {@link RefusedDial} when nothing listens there, or with another error. */
  readonly dialBack: (peer: string, signal: AbortSignal) => Promise<void>
  /** The peer answered a dial: its next beat tells which incarnation answered. */
  readonly onAnswered: (peer: string) => void
  /** The peer is suspected, and this observer's own dial has failed. */
  readonly onUnreachable: (peer: string, life: Life) => void
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
    const leaseMs = this.#parts.isWatched(peer) ? this.#timing.leaseMs : Number.POSITIVE_INFINITY
    const after = applyLife(before, event, this.#timing, leaseMs)
    if (after === undefined || after === before) return
    this.#lives.set(peer, after)
    const same = before?.liveness === after.liveness && before.incarnation === after.incarnation
    if (same && before.dial === after.dial) return
    if (after.dial !== 'failed') {
      this.#dialled.delete(peer)
      this.#dials.get(peer)?.abort(new Error('decided'))
      this.#dials.delete(peer)
    }
    if (after.liveness === 'suspect' && after.dial !== 'failed') this.#startDial(peer)
    if (after.liveness === 'dead' || after.liveness === 'left') this.#forgetOldest()
    if (!same) this.#parts.onTransition(peer, after)
    if (after.liveness === 'suspect' && after.dial === 'failed') this.#parts.onUnreachable(peer, after)
  }

  /** Applies every deadline that has come, and dials peers that are still `unknown` two turns after their record. */
  tick(): void {
    const atMs = this.#parts.clock.nowMs()
    const { leaseMs, turnIntervalMs } = this.#timing
    for (const [peer, life] of this.#lives) {
      if (life.liveness === 'unknown' && atMs >= life.deadlineMs - leaseMs + 2 * turnIntervalMs)
        this.#startDial(peer)
      this.apply(peer, { type: 'time-passed', atMs })
    }
  }

  /** The observer watches other peers than before. */
  watchOthers(peers: Iterable<string>): void {
    const atMs = this.#parts.clock.nowMs()
    for (const peer of peers) this.apply(peer, { type: 'watch-changed', atMs })
  }

  /** Peers that were given up in a former life of the observer, and not heard since. */
  lapsed(): readonly string[] {
    return [...this.#lives].flatMap(([peer, { liveness, verdict }]) =>
      liveness === 'dead' && verdict === 'lapsed' ? [peer] : [],
    )
  }

  /** The observer begins another life: it has given nobody up in that one. */
  forgetVerdicts(): void {
    for (const peer of this.#lives.keys()) this.apply(peer, { type: 'verdict-lapsed' })
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
    this.#dialled.add(peer)
    const controller = new AbortController()
    this.#dials.set(peer, controller)
    const decides = this.#lives.get(peer)?.dial === 'decides'
    this.#dial(peer, controller.signal, decides).then(
      (result) => {
        if (this.#dials.get(peer) !== controller) return
        this.#dials.delete(peer)
        if (result === 'answered') {
          this.apply(peer, { type: 'dial-answered', atMs: this.#parts.clock.nowMs() })
          this.#parts.onAnswered(peer)
        }
        // Silence proves nothing, and neither does a failure on this side, such as a dial that was not made: the deadline
        // decides.
        if (result === 'refused') this.apply(peer, { type: 'dial-failed' })
      },
      // The suspicion was decided meanwhile.
      () => undefined,
    )
  }

  /**
   * One try for a suspicion, several for a verdict. A refusal needs no second try: no process listens there.
   * @throws {Error} with the signal
   */
  async #dial(
    peer: string,
    signal: AbortSignal,
    decides: boolean,
  ): Promise<'answered' | 'refused' | 'silent'> {
    const { clock, dialBack } = this.#parts
    const { dialBackMs, doubtMs } = this.#timing
    const { dialTries } = memberLimits
    for (let left = decides ? dialTries : 1; left > 0; left -= 1) {
      const trial = new AbortController()
      const end = (): void => trial.abort(signal.reason)
      signal.addEventListener('abort', end)
      const timer = clock.after(decides ? doubtMs / dialTries : dialBackMs, () =>
        trial.abort(new Error('no answer')),
      )
      try {
        await dialBack(peer, trial.signal)
        return 'answered'
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof RefusedDial) return 'refused'
        if (!trial.signal.aborted) return 'silent'
      } finally {
        timer.cancel()
        signal.removeEventListener('abort', end)
      }
    }
    return 'silent'
  }

  /** Ended lives are kept so that old records stay dead; the oldest is forgotten when there are too many. */
  #forgetOldest(): void {
    if (this.#lives.size <= memberLimits.maxTombstones) return
    for (const [peer, life] of this.#lives) {
      if (life.liveness !== 'dead' && life.liveness !== 'left') continue
      this.#lives.delete(peer)
      this.#dialled.delete(peer)
      return
    }
  }
}
