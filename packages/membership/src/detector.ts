import type { Clock } from '@shoal/host'
import { applyLife, type Life, type LifeEvent } from './liveness.ts'
import { memberLimits } from './limits.ts'
import type { DetectorTiming } from './options.ts'

/** Lives of all peers by one observer's clock, with the dial-backs that decide a suspicion. */
export interface Detector {
  get(peer: string): Life | undefined
  apply(peer: string, event: LifeEvent): void
  /** Moves every deadline that has come. */
  tick(): void
  /** The observer itself stood still for so long. */
  paused(durationMs: number): void
  close(): void
}

export interface DetectorDependencies {
  readonly clock: Clock
  /** Called before anything new is believed: a pause of the observer has to be counted first. */
  readonly beforeNews: () => void
  /** Resolves when the peer answers; rejects when it is refused, or with the signal. */
  readonly dialBack: (peer: string, signal: AbortSignal) => Promise<void>
  readonly onTransition: (peer: string, before: Life | undefined, after: Life) => void
}

export function createDetector(
  { clock, beforeNews, dialBack, onTransition }: DetectorDependencies,
  timing: DetectorTiming,
): Detector {
  const lives = new Map<string, Life>()
  const dials = new Map<string, AbortController>()
  /** One dial-back per suspicion: an answer extends the deadline once. */
  const settled = new Set<string>()

  const apply = (peer: string, event: LifeEvent): void => {
    // Not in what counts a pause itself.
    if (event.type !== 'observer-paused') beforeNews()
    const before = lives.get(peer)
    const after = applyLife(before, event, timing)
    if (after === undefined || after === before) return
    lives.set(peer, after)
    if (before?.liveness === after.liveness && before.incarnation === after.incarnation) return
    settled.delete(peer)
    if (after.liveness !== 'suspect' && after.liveness !== 'unknown')
      dials.get(peer)?.abort(new Error('decided'))
    if (after.liveness === 'suspect') startDial(peer)
    if (after.liveness === 'dead' || after.liveness === 'left') forgetOldest()
    onTransition(peer, before, after)
  }

  const startDial = (peer: string): void => {
    if (dials.has(peer) || settled.has(peer)) return
    settled.add(peer)
    const controller = new AbortController()
    dials.set(peer, controller)
    const timer = clock.after(timing.dialBackMs, () => controller.abort(new Error('no answer')))
    const end = (event: LifeEvent | undefined): void => {
      timer.cancel()
      dials.delete(peer)
      if (event !== undefined) apply(peer, event)
    }
    dialBack(peer, controller.signal).then(
      () => end({ type: 'dial-answered', atMs: clock.nowMs() }),
      // Silence is no verdict: the deadline decides. A refusal is one.
      () => end(controller.signal.aborted ? undefined : { type: 'dial-refused', atMs: clock.nowMs() }),
    )
  }

  /** Ended lives are kept so that old records stay dead; the oldest go first when there are too many. */
  const forgetOldest = (): void => {
    if (lives.size <= memberLimits.maxTombstones) return
    for (const [peer, life] of lives) {
      if (life.liveness !== 'dead' && life.liveness !== 'left') continue
      lives.delete(peer)
      return
    }
  }

  return {
    get: (peer) => lives.get(peer),
    apply,
    tick() {
      const atMs = clock.nowMs()
      for (const [peer, life] of lives) {
        // A stranger is dialled when no beat has come by itself for two intervals.
        if (
          life.liveness === 'unknown' &&
          atMs >= life.deadlineMs - timing.leaseMs + 2 * timing.beatIntervalMs
        )
          startDial(peer)
        apply(peer, { type: 'time-passed', atMs })
      }
    },
    paused(durationMs) {
      for (const peer of lives.keys()) apply(peer, { type: 'observer-paused', durationMs })
    },
    close() {
      for (const controller of dials.values()) controller.abort(new Error('closed'))
    },
  }
}
