/** Times of the failure detector, in milliseconds of the observer's own monotonic clock. */
export interface DetectorTiming {
  /** Time between two beats of one peer. */
  readonly beatIntervalMs: number
  /** A peer is suspected when no new beat of it arrives within this time. */
  readonly leaseMs: number
  /** Longest time that a dial-back may take; after that it counts as unanswered. */
  readonly dialBackMs: number
  /** Time after an answered dial-back in which the beat must arrive that proves the incarnation. */
  readonly graceMs: number
}

export interface MembershipOptions extends DetectorTiming {
  /** Manifest id of the swarm, which all signatures cover: a word of one swarm is invalid in every other. */
  readonly document: string
  /**
   * Number of this process's life, higher than in every earlier life of the same key. It is persisted, and at least the
   * wall clock's seconds at the start, so that a lost data directory does not bring an old number back.
   */
  readonly incarnation: number
  /** Connections that membership opens by itself. A swarm of up to this many peers forms a full mesh. */
  readonly neighboursMax: number
}

/** Everything of {@link MembershipOptions} that does not depend on the swarm. */
export type MembershipProfile = Omit<MembershipOptions, 'document' | 'incarnation'>

/**
 * Lease in milliseconds: twice the longest pause after which a peer must still count as alive, three beats, and the time
 * of a flood. The pause counts twice because two peers may pause one after the other (the owner of a beat, then the relay
 * that passes it on). Three beats, because one may be lost with a connection and one may just have been missed.
 */
export function leaseFor(pauseMs: number, beatIntervalMs: number, floodMs: number): number {
  return 2 * pauseMs + 3 * beatIntervalMs + floodMs
}

function profile(
  pauseMs: number,
  beatIntervalMs: number,
  floodMs: number,
  dialBackMs: number,
): MembershipProfile {
  return {
    beatIntervalMs,
    leaseMs: leaseFor(pauseMs, beatIntervalMs, floodMs),
    dialBackMs,
    // A peer sends a beat when a channel opens. Two intervals cover the loss of that beat.
    graceMs: 2 * beatIntervalMs + floodMs,
    neighboursMax: 20,
  }
}

/**
 * Modelled on the local, LAN and WAN defaults of memberlist (HashiCorp). A peer that pauses for 3 s (5 s in `wan`)
 * stays alive.
 */
export const membershipProfiles = {
  /** Several processes on one machine: lease 8 s. */
  local: profile(3000, 500, 500, 1000),
  /** One site: lease 10 s. */
  lan: profile(3000, 1000, 1000, 1500),
  /** The internet: lease 20 s. */
  wan: profile(5000, 2000, 4000, 5000),
} as const satisfies Record<string, MembershipProfile>
