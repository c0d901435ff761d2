/** The times that a group allows for each purpose, with their reasons. */
export const groupTimes = {
  /**
   * For one sum, from this rank's own part on. The half-block of 256 rows of a large model takes the slowest rank a second,
   * and a rank that hangs must be found before the coordinator abandons the stage.
   */
  sumDeadlineMs: 3_000,
  /** For a member's part of the logits: as long as for a sum. Then the leader computes that part itself. */
  headDeadlineMs: 3_000,
  /** For a channel to a rank: as long as for a channel to a stage. */
  connectTimeoutMs: 10_000,
  /** For a rank to load its share: weights are read from a slow disk, cut and repacked. */
  formTimeoutMs: 120_000,
  /** For a lane to another rank's computing thread. Without lanes, parts of sums go through the channels. */
  laneTimeoutMs: 2_000,
  /** For a rank to reserve memory for a session. */
  openTimeoutMs: 15_000,
  /** For the answer to a ping, after a sum that was not completed in time. */
  suspectPingMs: 400,
  /**
   * How long a share stays loaded after its group has ended, unless another share needs the memory. The group may be
   * formed again around a spare.
   */
  lingerMs: 30_000,
} as const

/** The limits on counts, with their reasons. */
export const groupLimits = {
  /** Rows of one call, which is one pass through the half-blocks of a rank. */
  rowsPerCallMax: 256,
  /** Rows of one call when KV caches are computed again after a repair. 128 rows keep all ranks busy while parts travel. */
  replayRows: 128,
  /** Rows of one request for logits. Each token has one; the leader computes the logits of a prompt's rows itself. */
  headRowsMax: 4,
  /** Parts of the head that are loaded at once. A leader needs one, and a second one while its group is formed again. */
  headsMax: 4,
  /** Repairs that one call may cause, and further attempts at one repair. */
  repairsMax: 4,
  /** Calls that a leader may abandon before their turn at a member. A stage queues fewer. */
  callsAheadMax: 64,
  /** Echoes on one channel. A leader measures with 32. */
  echoesMax: 64,
  /** Groups that a node is a member of. Each needs memory for its weights, which usually limits the number earlier. */
  groupsMax: 16,
} as const
