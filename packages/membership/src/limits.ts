/** Limits of this package alone, each with its reason. Those that are also the wire's are in `@shoal/protocol`. */
export const memberLimits = {
  /** Structs of yjs in one update: 4,096 members with sixteen restarts each since the last rotation. */
  maxStructsPerUpdate: 65_536,
  /** Ranges in an update's delete set: as many, since each overwritten value may leave one. */
  maxDeletesPerUpdate: 65_536,
  /** A state vector: 6.4 bytes for each yjs client, and as many clients as an update may have items. */
  maxStateVectorBytes: 512 * 1024,
  /**
   * Whole-state requests of one neighbour in one beat interval; each may cost us an encoding of the document. A link
   * that was silent for thirty turns brings one from each of them at once.
   */
  maxStatesPerInterval: 32,
  /** Messages of one neighbour in one beat interval, and four more for each member it may be passing on. */
  maxMessagesPerInterval: 256,
  /** A peer id as text is 52 characters for ed25519; other key types are longer. */
  maxPeerIdLength: 128,
  /** Links in a record: 64 × (52 characters and an integer) are 3.6 KiB of the record's 8. */
  maxLinks: 64,
  /** Rates in a record: 32 × (52 characters and an integer) are 1.9 KiB. */
  maxRates: 32,
  /** Ranks beside the leader of a planned group: plans combine six devices at most, and 8 × 52 characters leave room in the record. */
  maxGroupRanks: 8,
  /** Speeds of ranks are small whole numbers: plans give the fastest sixteen. */
  maxRankSpeed: 1000,
  /** A version, a device's or a numeric class's name. */
  maxNameLength: 128,
  /** Points of misbehaviour before a neighbour is shut out. One forged write may be a bug in transit, eight are not. */
  maxMisbehaviour: 8,
  /** A point is forgiven after this: a fault an hour, of a program with one bug, stays a fault. Eight in four minutes are a series. */
  forgivePointMs: 60_000,
  /** How long a neighbour stays shut out: long enough to end a loop, short enough for a repaired program. */
  banMs: 60_000,
  /** Bytes waiting for one slow neighbour: two whole documents. A slower one is dropped and syncs anew. */
  maxWaitingBytes: 8 * 1024 * 1024,
  /** Rotations a message may be ahead of us; a jump to the end of the integers would end rotation for ever. */
  maxRotationJump: 1024,
  /** Dials under way at once to strengthen the mesh: a burst of joiners must not become a burst of dials. */
  maxDialsAtOnce: 4,
  /** Neighbours to whom news is passed on at random: with six each, a flood misses a peer of a random mesh once in 400 times. */
  fanOut: 6,
  /** First records of a life, written while its links change: they are passed on as if nobody had a link with it. */
  youngRecords: 3,
  /** Lives remembered of peers that are gone, so that a stale record cannot bring them back. */
  maxTombstones: 8192,
} as const
