import type { DetectorTiming } from '../options.ts'

export type Liveness = 'unknown' | 'alive' | 'suspect' | 'dead' | 'left'

/** One observer's belief about one peer's current incarnation. */
export interface Life {
  readonly incarnation: number
  readonly liveness: Liveness
  /** Highest beat seen of this incarnation; -1 before the first. */
  readonly lastBeat: number
  /** When the present state ends unless news arrives, on the observer's monotonic clock. */
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
  /** The owner's own words prove a fault, which ends this life and all before it. */
  | { readonly type: 'proved-false'; readonly incarnation: number; readonly atMs: number }
  | { readonly type: 'connection-lost'; readonly atMs: number }
  /** The peer answered the dial-back. Only a beat can tell whether this incarnation answered. */
  | { readonly type: 'dial-answered'; readonly atMs: number }
  /** The dial-back was refused: no process listens there any more. Silence is no refusal. */
  | { readonly type: 'dial-refused'; readonly atMs: number }
  | { readonly type: 'time-passed'; readonly atMs: number }
  /** The observer itself stood still for this long, which extends every deadline. */
  | { readonly type: 'observer-paused'; readonly durationMs: number }

/**
 * One step of the failure detector's state machine.
 *
 *     unknown --beat--> alive --lease over, connection lost--> suspect --dial refused, deadline over--> dead
 *                         ^------------------beat------------------'
 *     unknown --dial refused, deadline over--> dead
 *
 * `dead` and `left` end an incarnation: no beat brings it back, but a higher incarnation begins anew. A record alone never
 * makes a peer alive, however recent it is. A beat does so only if it is new.
 */
export function applyLife(
  life: Life | undefined,
  event: LifeEvent,
  timing: DetectorTiming,
): Life | undefined {
  if (event.type === 'record-seen') return seeRecord(life, event, timing)
  if (event.type === 'beat-seen') return seeBeat(life, event, timing)
  if (event.type === 'proved-false') {
    if (life !== undefined && life.incarnation > event.incarnation) return life
    const { incarnation, atMs } = event
    return { lastBeat: -1, ...life, incarnation, liveness: 'dead', deadlineMs: atMs }
  }
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

/**
 * Liveness of a record's incarnation: an earlier one than the life's is dead, a later one has not been heard from yet.
 */
export function livenessOf(incarnation: number, life: Life | undefined): Liveness {
  if (life === undefined || incarnation > life.incarnation) return 'unknown'
  return incarnation < life.incarnation ? 'dead' : life.liveness
}
