/** Every wait and count of groups, with its reason. */
export const groupTimes = {
  /**
   * For one sum, from this rank's own part on: the slowest rank's half-block of 256 rows of a large model takes a second,
   * and a rank that hangs must be found before the coordinator gives the stage up.
   */
  sumDeadlineMs: 3_000,
  /** For a member's part of the logits: as long as for a sum, after which the leader computes it itself. */
  headDeadlineMs: 3_000,
  /** For a channel to a rank; as for a stage. */
  connectTimeoutMs: 10_000,
  /** For a rank to load its share: weights on a slow disk, cut and repacked. */
  formTimeoutMs: 120_000,
  /** For a lane to another rank's thread; without one, parts of sums go through the channel. */
  laneTimeoutMs: 2_000,
  /** For a rank to make room for a session. */
  openTimeoutMs: 15_000,
  /** After a sum that nobody completed: how long a rank has to show that it is alive. */
  suspectPingMs: 400,
  /** A share stays loaded for so long after its group has ended, unless another one needs the room: the group may be formed again around a spare. */
  lingerMs: 30_000,
} as const

export const groupLimits = {
  /** Rows of one call: one pass through the half-blocks of a rank. */
  rowsPerCallMax: 256,
  /** Rows of one call that computes a cache again: 128 rows keep all ranks busy while parts travel. */
  replayRows: 128,
  /** Rows of which logits are asked for at once: one for each token; more are a prompt's, and the leader's own. */
  headRowsMax: 4,
  /** Parts of the head that are loaded at once; a leader needs one, and one more while a group is formed anew. */
  headsMax: 4,
  /** Spares that are tried for one loss. */
  repairsMax: 4,
  /** Calls that a leader may give up before their turn at a member: more than a stage lets wait. */
  callsAheadMax: 64,
  /** Echoes on one channel: leaders measure with 32. */
  echoesMax: 64,
  /** Groups that a node is a member of; each has its weights, so memory ends it sooner. */
  groupsMax: 16,
} as const
