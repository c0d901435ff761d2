import type { DetectorTiming } from '../options.ts'

export type Liveness = 'unknown' | 'alive' | 'suspect' | 'dead' | 'left'

/** One observer's belief about one peer's current incarnation. */
export interface Life {
  readonly incarnation: number
  readonly liveness: Liveness
  /** Highest beat received of this incarnation; -1 before the first. */
  readonly lastBeat: number
  /**
   * When the present state ends unless news arrives, on the observer's monotonic clock. Infinite for a peer that is alive
   * and that others watch.
   */
  readonly deadlineMs: number
  /** What the observer's own dial has shown in this suspicion. `decides`: others complain too, so its failure is a verdict. */
  readonly dial: 'none' | 'failed' | 'decides'
  /** `proved`: the owner's own words ended this life. `lapsed`: the observer gave it up in a former life of its own. */
  readonly verdict?: 'proved' | 'lapsed'
}

export type LifeEvent =
  | {
      readonly type: 'record-seen'
      readonly incarnation: number
      readonly left: boolean
      readonly atMs: number
    }
  /** A beat over the peer's own connection. */
  | { readonly type: 'beat-seen'; readonly incarnation: number; readonly beat: number; readonly atMs: number }
  /** The peer has signed that it is alive, after all that others had said against it. */
  | { readonly type: 'alive-seen'; readonly incarnation: number; readonly atMs: number }
  /** The owner's own words prove a fault, which ends this life and all before it. */
  | { readonly type: 'proved-false'; readonly incarnation: number; readonly atMs: number }
  /** Enough of its watchers do not reach it. */
  | { readonly type: 'voted-dead' }
  /** A complaint stands against it: the observer's own dial decides. */
  | { readonly type: 'doubted'; readonly atMs: number }
  | { readonly type: 'connection-lost'; readonly atMs: number }
  /** The peer answered a dial. Only a beat can tell whether this incarnation answered. */
  | { readonly type: 'dial-answered'; readonly atMs: number }
  /** The dial was refused. Silence is no failure: the deadline decides. */
  | { readonly type: 'dial-failed' }
  | { readonly type: 'time-passed'; readonly atMs: number }
  /** The observer has begun or ended to watch it. */
  | { readonly type: 'watch-changed'; readonly atMs: number }
  /** The observer begins another life, without the verdicts of the former one: a beat of the given-up life counts again. */
  | { readonly type: 'verdict-lapsed' }
  /** The observer itself stood still for this long, which extends every deadline. */
  | { readonly type: 'observer-paused'; readonly durationMs: number }

/**
 * One step of the failure detector's state machine.
 *
 *     unknown --beat, alive--> alive --lease over, connection lost, complaint--> suspect --votes, or a dial that decides--> dead
 *                                ^-----------------beat, alive--------------------'
 *     unknown --dial failed, deadline over--> dead
 *
 * `dead` and `left` end an incarnation for as long as the observer's own incarnation lasts: no beat brings it back, but a
 * higher incarnation begins anew. A record alone never
 * makes a peer alive, however recent it is.
 *
 * @param leaseMs of this peer: infinite when others watch it
 */
export function applyLife(
  life: Life | undefined,
  event: LifeEvent,
  timing: DetectorTiming,
  leaseMs: number,
): Life | undefined {
  switch (event.type) {
    case 'record-seen':
      return seeRecord(life, event, timing)
    case 'beat-seen':
      return seeBeat(life, event, leaseMs)
    case 'alive-seen':
      return seeAlive(life, event, leaseMs)
    case 'proved-false': {
      if (life !== undefined && life.incarnation > event.incarnation) return life
      const { incarnation, atMs } = event
      return {
        lastBeat: -1,
        dial: 'none',
        ...life,
        incarnation,
        liveness: 'dead',
        deadlineMs: atMs,
        verdict: 'proved',
      }
    }
    case 'verdict-lapsed':
      return life?.liveness === 'dead' && life.verdict !== 'proved' ? { ...life, verdict: 'lapsed' } : life
    case 'observer-paused':
      return life === undefined ? life : { ...life, deadlineMs: life.deadlineMs + event.durationMs }
    case 'voted-dead':
    case 'doubted':
    case 'connection-lost':
    case 'dial-answered':
    case 'dial-failed':
    case 'time-passed':
    case 'watch-changed':
      return life === undefined ? life : doubt(life, event, timing, leaseMs)
  }
}

type DoubtEvent = Exclude<
  LifeEvent,
  {
    type: 'record-seen' | 'beat-seen' | 'alive-seen' | 'proved-false' | 'verdict-lapsed' | 'observer-paused'
  }
>

/** What an observer's own dials, deadlines and the complaints of others do to a life. */
function doubt(life: Life, event: DoubtEvent, timing: DetectorTiming, leaseMs: number): Life {
  const { liveness } = life
  const open = liveness === 'unknown' || liveness === 'suspect'
  switch (event.type) {
    case 'connection-lost': {
      if (liveness !== 'alive') return life
      const dialledMs = event.atMs + timing.dialBackMs
      const deadlineMs = Number.isFinite(life.deadlineMs) ? Math.max(life.deadlineMs, dialledMs) : dialledMs
      return { ...life, liveness: 'suspect', dial: 'none', deadlineMs }
    }
    case 'doubted':
      if (liveness !== 'alive' && liveness !== 'suspect') return life
      if (life.dial === 'decides') return life
      return { ...life, liveness: 'suspect', dial: 'decides', deadlineMs: event.atMs + timing.doubtMs }
    case 'voted-dead':
      return liveness === 'alive' || liveness === 'suspect' ? { ...life, liveness: 'dead' } : life
    case 'dial-answered':
      if (!open || life.dial === 'failed') return life
      return { ...life, deadlineMs: Math.max(life.deadlineMs, event.atMs + timing.graceMs) }
    case 'dial-failed':
      return fail(life)
    case 'time-passed':
      if (event.atMs < life.deadlineMs) return life
      if (liveness !== 'alive') return fail(life)
      return { ...life, liveness: 'suspect', dial: 'none', deadlineMs: event.atMs + timing.dialBackMs }
    case 'watch-changed':
      return liveness === 'alive' ? { ...life, deadlineMs: event.atMs + leaseMs } : life
  }
}

/** A peer that was never alive here is dead; one that was is accused first, and has time to contradict. */
function fail(life: Life): Life {
  if (life.liveness === 'unknown') return { ...life, liveness: 'dead' }
  if (life.liveness !== 'suspect' || life.dial === 'failed') return life
  if (life.dial === 'decides') return { ...life, liveness: 'dead' }
  return { ...life, dial: 'failed', deadlineMs: Number.POSITIVE_INFINITY }
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
      dial: 'none',
    }
  }
  return event.left && event.incarnation === life.incarnation ? { ...life, liveness: 'left' } : life
}

function seeBeat(
  life: Life | undefined,
  event: Extract<LifeEvent, { type: 'beat-seen' }>,
  leaseMs: number,
): Life | undefined {
  if (life !== undefined && event.incarnation <= life.incarnation) {
    if (event.incarnation < life.incarnation || isOver(life) || event.beat <= life.lastBeat) return life
  }
  return {
    incarnation: event.incarnation,
    liveness: 'alive',
    lastBeat: event.beat,
    deadlineMs: event.atMs + leaseMs,
    dial: 'none',
  }
}

function seeAlive(
  life: Life | undefined,
  event: Extract<LifeEvent, { type: 'alive-seen' }>,
  leaseMs: number,
): Life | undefined {
  const { incarnation, atMs } = event
  const deadlineMs = atMs + leaseMs
  if (life === undefined || incarnation > life.incarnation)
    return { incarnation, liveness: 'alive', lastBeat: -1, deadlineMs, dial: 'none' }
  const open = life.liveness === 'unknown' || life.liveness === 'suspect'
  return incarnation === life.incarnation && open
    ? { ...life, liveness: 'alive', deadlineMs, dial: 'none' }
    : life
}

/** Whether this life has ended for the observer, whatever its owner says. */
export function isOver({ liveness, verdict }: Life): boolean {
  return liveness === 'left' || (liveness === 'dead' && verdict !== 'lapsed')
}

/**
 * Liveness of a record's incarnation: an earlier one than the life's is dead, a later one has not been heard from yet.
 */
export function livenessOf(incarnation: number, life: Life | undefined): Liveness {
  if (life === undefined || incarnation > life.incarnation) return 'unknown'
  return incarnation < life.incarnation ? 'dead' : life.liveness
}
