/** Times of the failure detector, in milliseconds of the observer's own monotonic clock. */
export interface DetectorTiming {
  /** Time between two turns, in which a peer applies deadlines, dials and repairs. */
  readonly turnIntervalMs: number
  /** Time between two beats of one peer; a multiple of the turn interval. */
  readonly beatIntervalMs: number
  /** A peer is suspected by its watchers when none of its beats arrives within this time. */
  readonly leaseMs: number
  /** Longest time that a dial-back may take; after that it counts as unanswered. */
  readonly dialBackMs: number
  /** Time after an answered dial-back in which the beat must arrive that proves the incarnation. */
  readonly graceMs: number
  /** Age of a complaint at which an observer dials the accused itself: until then the watchers' votes come in. */
  readonly alertWaitMs: number
  /** Time of the dial that decides, all its tries together. Longer than the longest pause. */
  readonly doubtMs: number
}

export interface MembershipOptions extends DetectorTiming {
  /** Manifest id of the swarm, which all signatures cover: a word of one swarm is invalid in every other. */
  readonly document: string
  /**
   * Number of this process's life, higher than in every earlier life of the same key. It is persisted, and at least the
   * wall clock's seconds at the start, so that a lost data directory does not bring an old number back.
   */
  readonly incarnation: number
  /** Members up to which a peer connects to all of them, whose links plans then know; beyond, to its watchers only. */
  readonly neighboursMax: number
}

/** Everything of {@link MembershipOptions} that does not depend on the swarm. */
export type MembershipProfile = Omit<MembershipOptions, 'document' | 'incarnation'>

/**
 * Lease in milliseconds: the longest pause after which a peer must still count as alive, two beats, because one may just
 * have been missed and one may be lost with a connection, and some slack.
 */
export function leaseFor(pauseMs: number, beatIntervalMs: number, slackMs: number): number {
  return pauseMs + 2 * beatIntervalMs + slackMs
}

/**
 * Longest time from the last beat that a watcher gets of an ended life until all observers hold it dead: the lease, the
 * dial-back, the wait for votes, the dial that decides, the grace when the next life answers that dial, a beat whose digest
 * tells an observer that has missed all of it, and the turns in which these are noticed.
 */
export function verdictBoundMs(timing: DetectorTiming): number {
  const { leaseMs, dialBackMs, alertWaitMs, doubtMs, graceMs, beatIntervalMs, turnIntervalMs } = timing
  return leaseMs + dialBackMs + alertWaitMs + doubtMs + graceMs + beatIntervalMs + 4 * turnIntervalMs
}

/** Turns in a beat interval. */
const turnsPerBeat = 3

function profile(times: {
  readonly pauseMs: number
  readonly turnIntervalMs: number
  readonly slackMs: number
  readonly dialBackMs: number
  readonly doubtMs: number
}): MembershipProfile {
  const { pauseMs, turnIntervalMs, slackMs, dialBackMs, doubtMs } = times
  const beatIntervalMs = turnsPerBeat * turnIntervalMs
  return {
    turnIntervalMs,
    beatIntervalMs,
    leaseMs: leaseFor(pauseMs, beatIntervalMs, slackMs),
    dialBackMs,
    // A peer sends a beat when a channel opens, and when it is asked. Two turns cover the opening of a channel.
    graceMs: 2 * turnIntervalMs + slackMs,
    alertWaitMs: 5 * turnIntervalMs,
    doubtMs,
    neighboursMax: 20,
  }
}

/**
 * A peer that pauses for 3 s (5 s in `wan`) stays alive. A beat each 3 s to eight watchers takes 450 bytes a second with
 * its framing.
 */
export const membershipProfiles = {
  /** Several processes on one machine: lease 8 s. */
  local: profile({ pauseMs: 3000, turnIntervalMs: 500, slackMs: 2000, dialBackMs: 1000, doubtMs: 4000 }),
  /** One site: lease 10 s. */
  lan: profile({ pauseMs: 3000, turnIntervalMs: 1000, slackMs: 1000, dialBackMs: 1500, doubtMs: 6000 }),
  /** The internet: lease 20 s. */
  wan: profile({ pauseMs: 5000, turnIntervalMs: 2000, slackMs: 3000, dialBackMs: 5000, doubtMs: 12_000 }),
} as const satisfies Record<string, MembershipProfile>
