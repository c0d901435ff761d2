/** Times of the failure detector, in milliseconds of the observer's own clock. */
export interface DetectorTiming {
  /** Between two signs of life of one peer. */
  readonly beatIntervalMs: number
  /** A peer without a new beat for so long is suspected. */
  readonly leaseMs: number
  /** Most that a dial-back may take before its silence counts as no answer. */
  readonly dialBackMs: number
  /** After an answered dial-back: time for the beat that proves the incarnation. */
  readonly graceMs: number
}

export interface MembershipOptions extends DetectorTiming {
  /** The swarm: the manifest's id. Signatures cover it, so that a record of one swarm means nothing in another. */
  readonly document: string
  /**
   * Higher than in every earlier life of this key: persisted, and at least the wall clock's seconds at the start, so
   * that a lost data directory does not bring an old number back.
   */
  readonly incarnation: number
  /** Connections that membership opens by itself: the mesh of a swarm up to this size is full. */
  readonly neighboursMax: number
  /** The document is replaced by a fresh one beyond this size, and beyond eight times its members' records. */
  readonly rotateAtBytes: number
}

/** Everything of {@link MembershipOptions} that does not depend on the swarm. */
export type MembershipProfile = Omit<MembershipOptions, 'document' | 'incarnation'>

/**
 * lease = 2 × the longest pause that must kill nobody + 3 beats + the time of a flood.
 * Twice the pause, because two peers may pause one after the other (a forwarder after the owner); three beats, because
 * one may be lost with a connection and one may just have been missed.
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
    // A beat goes out when a channel opens; two more intervals cover one that is lost.
    graceMs: 2 * beatIntervalMs + floodMs,
    neighboursMax: 20,
    rotateAtBytes: 64 * 1024,
  }
}

/** After memberlist's local, LAN and WAN defaults. A pause of 3 s (5 s in a WAN) kills nobody. */
export const membershipProfiles = {
  /** Several processes on one machine: lease 8 s. */
  local: profile(3000, 500, 500, 1000),
  /** One site: lease 10 s. */
  lan: profile(3000, 1000, 1000, 1500),
  /** The internet: lease 20 s. */
  wan: profile(5000, 2000, 4000, 5000),
} as const satisfies Record<string, MembershipProfile>
