/** Limits of this package, each with its reason. Limits that are part of the wire format are in `@shoal/protocol`. */
export const memberLimits = {
  /** Items in one word: a whole record has 12 fields, 64 links and 32 rates. */
  maxItemsPerWord: 512,
  /** Characters of a key: `link/` and a peer id. */
  maxKeyLength: 160,
  /** Changes after which an owner's next word is a snapshot: what a newcomer must read stays below 20 KiB. */
  maxDeltas: 24,
  /** Bytes of changes after which an owner's next word is a snapshot: four records' worth of link changes. */
  maxDeltaBytes: 4096,
  /**
   * Bytes of one owner's words: a snapshot of 8 KiB, changes up to 4 KiB, and the change that exceeds these. It follows from
   * the limits above, which a test compares with it.
   */
  maxChainBytes: 20 * 1024,
  /**
   * Words of one owner that a reader takes at once, and the time in which it takes one more. A newcomer reads up to 25
   * words of each owner, and an owner writes at most 16 at once.
   */
  wordBurst: 48,
  wordEveryMs: 2000,
  /** Words that an owner writes at once before it waits `wordEveryMs` for each further one. */
  ownWordBurst: 16,
  /** Time in which a second proof against an owner counts as repeated. */
  faultMemoryMs: 24 * 3_600_000,
  /** Time for which an owner is not heard after the second proof; it doubles with each further one. */
  firstOwnerBanMs: 600_000,
  /** Longest time for which an owner is not heard: later proofs add nothing. */
  maxOwnerBanMs: 7 * 24 * 3_600_000,
  /** Requests for one owner's words to one neighbour in one turn: more gaps than these are closed by a vector. */
  maxWantsPerInterval: 16,
  /**
   * Vectors and rolls from one neighbour in one turn; each may be answered with what is known of all members. As many beats, which
   * are compared with that. A link that was silent for thirty turns delivers those of all these turns at once.
   */
  maxVectorsPerInterval: 32,
  /**
   * Messages from one neighbour in one turn; four more are allowed for each member, whose news it may pass
   * on.
   */
  maxMessagesPerInterval: 256,
  /** Characters of a peer id: 52 for an Ed25519 key; other key types are longer. */
  maxPeerIdLength: 128,
  /** Links in a record: 64 of them (52 characters and an integer each) take 3.6 KiB of the record's 8 KiB. */
  maxLinks: 64,
  /** Rates in a record: 32 of them (52 characters and an integer each) take 1.9 KiB. */
  maxRates: 32,
  /** Ranks of a planned group, its leader not counted. Plans combine at most six devices. */
  maxGroupRanks: 8,
  /** Highest speed of a rank. Speeds are small whole numbers: plans give the fastest rank 16. */
  maxRankSpeed: 1000,
  /** Ranges of units in a record's `disk`: 32 of them take half a KiB. Spans and copies are few ranges. */
  maxDiskRanges: 32,
  /** Characters of the reason why a peer cannot load its blocks. */
  maxProblemLength: 256,
  /** Characters of a version, and of the names of a device, a machine and a numeric class. */
  maxNameLength: 128,
  /** Faults at which a neighbour is shut out. One damaged frame may have another cause than malice, eight have not. */
  maxMisbehaviour: 8,
  /**
   * Time after which one fault is forgiven. A peer is shut out when eight of its faults are not forgiven: after eight
   * at once, or after fifteen that come every thirty seconds. A bug that causes a fault an hour shuts nobody out.
   */
  forgivePointMs: 60_000,
  /**
   * How long a neighbour stays shut out: long enough to break a retry loop, short enough for a program that was
   * repaired.
   */
  banMs: 60_000,
  /**
   * Bytes that may wait for one slow neighbour: the words of 400 members. Beyond them the channel is ended, and the
   * neighbour fetches what it lacks over its next channel.
   */
  maxWaitingBytes: 8 * 1024 * 1024,
  /** Dials under way at once, so that a burst of joining peers does not cause a burst of dials. */
  maxDialsAtOnce: 4,
  /** Beat intervals for which a peer gets beats after it has last asked for them: two of its beats may be lost. */
  beatsWanted: 3,
  /** Loads of others that a beat carries; the bound of the protocol. */
  maxLoadsPassedOn: 8,
  /** `alive` statements of one peer at once, beyond one a turn: it answers each alert with one, and has a life for each restart. */
  aliveBurst: 16,
  /** Complaints of one signer about one life that it may see refuted before it must wait for longer. */
  refutedFree: 3,
  /** Longest time that a refuted signer must wait; after as long a rest it is believed anew. */
  maxComplaintWaitMs: 3_600_000,
  /** Complaints that stand together at which none of their signers is held to be wrong: the votes that end a life. */
  complaintsBelieved: 5,
  /** Claims that one life is held dead, after which no other member adds its own: five are needed, and some may be lies. */
  maxHolders: 8,
  /** Least time between two lives of a peer that is alone with its verdicts: a peer that speaks to some only can cause it. */
  outvotedMs: 600_000,
  /**
   * Leases after which a verdict on a life that stays silent is contested no more: one for the owner to begin its next life,
   * one for a beat that was asked for, one for a beat that was lost.
   */
  contestLeases: 3,
  /** Tries of the dial that decides about a life. */
  dialTries: 4,
  /** Complaints that are kept of one life: twice its watchers; the same number again is for its watchers alone. */
  maxComplaints: 16,
  /**
   * Lives that the failure detector remembers. Beyond them the oldest ended life is forgotten; until then a stale record
   * cannot bring a dead peer back.
   */
  maxTombstones: 8192,
} as const
