import { limits } from '@shoal/protocol'

/**
 * Every count, queue and wait of this package, with its reason. Limits on what a peer can make this node hold are in
 * `@shoal/protocol`.
 */
export const sessionLimits = {
  /**
   * Sessions at one node, of all coordinators. Memory for KV caches is the first limit; this one bounds the
   * bookkeeping.
   */
  maxSessions: 1024,
  maxSessionsPerPeer: limits.maxSessionsPerPeer,
  /**
   * Sessions of the peers without a record that share one account: as many as may wait for room
   * (`maxWaitingOpensPerPeer`). A client that serves many users should run a node, which has a member's limits.
   */
  maxSessionsPerStranger: 16,
  /** Sessions of all peers without a record: a quarter of the places is kept for members. */
  maxSessionsOfStrangers: 768,
  /**
   * The part that one owner may fill of the memory that other owners leave. After a stranger's half the next stranger
   * may have a quarter, and so on. A member may fill more, because its key is known to all members.
   */
  shareOf: { member: 7 / 8, stranger: 1 / 2 },
  /** Part of a span's session memory that all strangers together may fill: the rest is kept for members. */
  strangersShare: 7 / 8,
  /** Calls with rows of prompts under way at a runner: one that it computes, and the next one. */
  callsUnderWay: 2,
  /** Rows under way beside those: the single rows of as many answers, which a runner computes in one call. */
  rowsUnderWay: 64,
  /**
   * Rows of one call at a runner that several owners share: what another owner's row may have to wait for. A step of 512
   * rows in one call would hold up an answer for some twenty of its tokens.
   */
  sharedPieceRows: 16,
  /** Requests of all coordinators that wait for memory at one node: more would wait for minutes. */
  maxWaitingOpens: 64,
  /** Such requests of one coordinator: as many as its HTTP API has answers under way at once. */
  maxWaitingOpensPerPeer: 16,
  /** First pause before the spans of one peer are asked for again, when there was room for a part of them only. */
  roomRetryMs: 250,
  /** Positions of one session: the longest contexts in use are a million tokens. */
  maxTokenBudget: 1 << 20,
  maxRowsPerStep: limits.maxRowsPerStep,
  /** Steps of one session that wait at one stage, and that a coordinator has under way: a prefill window is 4. */
  maxStepsInFlight: 32,
  /** Drafted rows of one session under way: a rewind makes them all useless, and a stage computes them beside others' rows. */
  draftRowsMax: 64,
  /** Expected part of a token's time below which drafts are not worth the work of the stages. */
  draftGainMin: 0.03,
  /** Places in the text that a drafter remembers: some 6 MB, the last 65,536 tokens. */
  draftPlacesMax: 1 << 16,
  /** Rows by which a journal grows: 1 MiB at hidden size 4,096, so that a short answer stays small and a long one grows seldom. */
  journalSegmentRows: 64,
  /** Rows of one replayed frame, as of a prefill chunk: a stage computes one while the next travels. */
  replayChunkRows: 128,
  /**
   * Positions of one block of a kept KV cache. A session takes whole blocks over, so it computes at most as many rows
   * again as one block has, less one: some 60 ms of a 1B model.
   */
  keptBlockRows: 32,
  /** Keys and values that one session reads from a runner, or gives it, at once: a few milliseconds of copying. */
  keptWindowBytes: 8 * 1024 * 1024,
  /** Part of the memory budget that kept KV caches may use: it is the whole of what idle sessions cost. */
  keptShare: 1 / 4,
  /** Sessions that are kept, of all coordinators; this bounds the bookkeeping. */
  maxKeptSessions: 256,
  /**
   * Attempts in a row to repair a route, without an answered step in between, for each of its stages. After so many the
   * session ends with an error. The limit is generous because a site that is cut off takes several peers with it, and
   * each attempt may discover only one of them.
   */
  maxRepairsPerStage: 8,
  /**
   * Peers that are replaced in a row because their rows of the same block have NaN or infinite values. When one more
   * peer sends such rows, the model is at fault, and other peers would compute the same.
   */
  maxRefusedInARow: 2,
  /**
   * Pauses between questions to the route finder while nobody holds lost blocks. The finder only reads local state, so
   * asking is cheap.
   */
  routeRetryMsMin: 100,
  routeRetryMsMax: 1_000,
  /**
   * Keys and values in one frame of a hand-over. A step queued behind such a frame waits 1 ms at 10 Gbit/s, 80 ms at
   * 100 Mbit/s.
   */
  handOverChunkBytes: 1024 * 1024,
  /** The first frame of a hand-over in the deepest models, with room: later frames are sized by it. */
  handOverFrameBytesMax: 4 * 1024 * 1024,
  /**
   * Rows of the first frame of a hand-over. Its size shows how many bytes a row has; it is 2 MB in the deepest models.
   */
  handOverFirstRows: 4,
  /**
   * Sessions that one node hands over at the same time. More of them would share its uplink, and all would end later.
   */
  handOversAtOnce: 2,
  /** Rows that may be unsent when the new route version is opened. They travel while no stage computes. */
  handOverRestRows: 8,
  /** Hand-overs of one leaving stage that may fail. After that, its successors compute all rows again instead. */
  maxHandOvers: 3,
  /**
   * Small messages to one peer that are not sent yet. When there are more, the peer does not read, and its channel is
   * closed.
   */
  maxPosted: 1024,
  /** Channels that a coordinator or a stage host has open, one to each peer. Idle ones are closed after `lingerMs`. */
  maxChannels: 512,
} as const

/**
 * What a sender of a session may have under way at a stage, by the width of its rows: one largest step, or four prefill
 * chunks of usual size, and the part of the credit that the receiver may owe. The frames of a hand-over fit as well.
 */
export function stepCreditBytes(hiddenSize: number): number {
  const largestBytes = Math.max(
    sessionLimits.handOverFrameBytesMax,
    sessionLimits.maxRowsPerStep * hiddenSize * Float32Array.BYTES_PER_ELEMENT,
  )
  return Math.ceil((largestBytes + limits.maxHeaderBytes) * (4 / 3))
}

/** Times of a stage and of a coordinator. All can be set; these are for home and wide-area links. */
export const sessionTimes = {
  /** A coordinator that has sent nothing for this long, which is six keep-alives, is taken for gone. */
  leaseMs: 30_000,
  /** How long a stage keeps a session whose coordinator's connection is lost: enough for a short outage of Wi-Fi. */
  graceMs: 10_000,
  keepAliveMs: 5_000,
  /** Time for a dial. A dial over a relay takes seconds; a firewalled address never answers. */
  connectTimeoutMs: 10_000,
  /** Time for an answer to `open`, the stage's own dial of its next hop included. */
  openTimeoutMs: 15_000,
  /**
   * Time for an answer to `open` when other peers serve the blocks of the stages that have not answered: a dial over a
   * relay and its handshake take three seconds. A peer that takes sessions and says nothing holds up one answer for
   * this long.
   */
  openSuspectMs: 4_000,
  /**
   * A session in which nothing was computed or restored for so long is freed, however alive its coordinator is. The
   * longest pause of an answer is a wait for room at another stage of its route (`roomWaitMs`), or three repairs in a row.
   */
  idleMs: 180_000,
  /** How long a closed session's KV cache is kept for the next turn of its chat: a user reads and types for minutes. */
  keptMs: 900_000,
  /** How long a stage may let an `open` wait for memory: two minutes are a long answer of a slow swarm. */
  roomWaitMs: 120_000,
  /** Shortest deadline of a step: a garbage collection or a busy machine takes hundreds of milliseconds. */
  stepDeadlineMsMin: 1_000,
  /**
   * Deadline of a step as a multiple of its predicted time. Predictions are medians of measurements; a loaded machine
   * is several times slower.
   */
  stepDeadlineFactor: 8,
  /**
   * How often a late step gets more time, twice as much each time, while all stages of its route answer pings: the
   * route may be slow (a busy node computes for others first) or stuck. A stage that does not answer is lost at once.
   */
  stepExtensions: 3,
  /** How long each stage has to answer a ping after a step's deadline. Stages that do not answer are lost. */
  suspectPingMs: 400,
  /**
   * How long a peer that was lost before has to answer a ping when nobody else holds its blocks and the session waits
   * for a replacement. Such a peer may have been lost only because its machine was busy.
   */
  patientPingMs: 2_000,
  /**
   * How long a session waits for a peer that loads blocks that nobody holds any more. In this time other nodes notice
   * the loss, make a plan and load some hundred MiB. A user who would have to wait longer is better served by an error.
   */
  replacementWaitMs: 30_000,
  /**
   * Time for the last rows of a hand-over to arrive and all stages to answer, during which no stage computes. When it
   * is over, the move is given up and the stages of the former version are opened again.
   */
  letGoTimeoutMs: 5_000,
  /** Pause between attempts to move a leaving stage, in which another node may load its blocks. */
  moveRetryMs: 500,
  /** How long a channel without a session stays open for the next one. */
  lingerMs: 60_000,
} as const

export type SessionTimes = { readonly [name in keyof typeof sessionTimes]: number }
