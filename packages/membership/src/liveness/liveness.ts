import type { DetectorTiming } from '../options.ts'

export type Liveness = 'unknown' | 'alive' | 'suspect' | 'dead' | 'left'

/** One observer's belief about one peer's current incarnation. */
export interface Life {
  readonly incarnation: number
  readonly liveness: Liveness
  /** Highest beat seen of this incarnation; -1 before the first. */
  readonly lastBeat: number
  /** When the present state ends without news, on the observer's monotonic clock. */
  readonly deadlineMs: number
}

export type LifeEvent =
  | {
      readonly type: 'record-seen'
      readonly incarnation: number
      readonly left: boolean
      readonly atMs: number
    }
  | { readonly type: 'beat-seen'; readonly incarnation: number; readonly beat: number; readonly atMs: number }
  | { readonly type: 'connection-lost'; readonly atMs: number }
  /** Somebody answered the dial-back; whether it is this incarnation only its beat can tell. */
  | { readonly type: 'dial-answered'; readonly atMs: number }
  /** Nobody is there: refused at once, not silence. */
  | { readonly type: 'dial-refused'; readonly atMs: number }
  | { readonly type: 'time-passed'; readonly atMs: number }
  /** The observer itself stood still: that time counts against nobody. */
  | { readonly type: 'observer-paused'; readonly durationMs: number }

/**
 * The failure detector's whole decision.
 *
 *     unknown --beat--> alive --lease over, connection lost--> suspect --dial refused, deadline over--> dead
 *                         ^------------------beat------------------'
 *
 * `dead` and `left` end an incarnation: no beat brings it back, a higher incarnation begins anew. A record alone never
 * makes anybody alive, however young it looks, and a beat only if it is new.
 */
export function applyLife(
  life: Life | undefined,
  event: LifeEvent,
  timing: DetectorTiming,
): Life | undefined {
  if (event.type === 'record-seen') return seeRecord(life, event, timing)
  if (event.type === 'beat-seen') return seeBeat(life, event, timing)
  if (life === undefined) return undefined
  const open = life.liveness === 'unknown' || life.liveness === 'suspect'
  switch (event.type) {
    case 'connection-lost':
      if (life.liveness !== 'alive') return life
      return {
        ...life,
        liveness: 'suspect',
        deadlineMs: Math.max(life.deadlineMs, event.atMs + timing.dialBackMs),
      }
    case 'dial-answered':
      return open ? { ...life, deadlineMs: Math.max(life.deadlineMs, event.atMs + timing.graceMs) } : life
    case 'dial-refused':
      return open ? { ...life, liveness: 'dead' } : life
    case 'time-passed':
      if (event.atMs < life.deadlineMs) return life
      if (life.liveness === 'alive')
        return { ...life, liveness: 'suspect', deadlineMs: event.atMs + timing.dialBackMs }
      return open ? { ...life, liveness: 'dead' } : life
    case 'observer-paused':
      return { ...life, deadlineMs: life.deadlineMs + event.durationMs }
  }
}

function seeRecord(
  life: Life | undefined,
  event: Extract<LifeEvent, { type: 'record-seen' }>,
  timing: DetectorTiming,
): Life {
  if (life === undefined || event.incarnation > life.incarnation) {
    return {
      incarnation: event.incarnation,
      liveness: event.left ? 'left' : 'unknown',
      lastBeat: -1,
      deadlineMs: event.atMs + timing.leaseMs,
    }
  }
  return event.left && event.incarnation === life.incarnation ? { ...life, liveness: 'left' } : life
}

function seeBeat(
  life: Life | undefined,
  event: Extract<LifeEvent, { type: 'beat-seen' }>,
  timing: DetectorTiming,
): Life | undefined {
  if (life !== undefined && event.incarnation <= life.incarnation) {
    const over = life.liveness === 'dead' || life.liveness === 'left'
    if (event.incarnation < life.incarnation || over || event.beat <= life.lastBeat) return life
  }
  return {
    incarnation: event.incarnation,
    liveness: 'alive',
    lastBeat: event.beat,
    deadlineMs: event.atMs + timing.leaseMs,
  }
}

/** What a life says of a record: one of an earlier incarnation is dead, one of a later has not been heard yet. */
export function livenessOf(incarnation: number, life: Life | undefined): Liveness {
  if (life === undefined || incarnation > life.incarnation) return 'unknown'
  return incarnation < life.incarnation ? 'dead' : life.liveness
}
