import { limits } from '@shoal/protocol'

/** Every count, queue and wait of this package, with its reason. What peers can make us hold is in `@shoal/protocol`. */
export const sessionLimits = {
  /** Sessions at one stage over all owners: their KV is admitted by memory first; this bounds the bookkeeping. */
  maxSessions: 1024,
  maxSessionsPerPeer: limits.maxSessionsPerPeer,
  /** Requests of all coordinators that wait for memory at one node: more would wait for minutes. */
  maxWaitingOpens: 64,
  /** The same for one coordinator: as many answers as its HTTP API gives at once. */
  maxWaitingOpensPerPeer: 16,
  /** First pause before the spans of one peer are asked for again, when there was room for a part of them only. */
  roomRetryMs: 250,
  /** Positions of one session: the longest contexts in use are a million tokens. */
  maxTokenBudget: 1 << 20,
  maxRowsPerStep: limits.maxRowsPerStep,
  /** Steps of one session that wait at one stage, and that a coordinator has under way: a prefill window is 4. */
  maxStepsInFlight: 32,
  /** Rows by which a journal grows: 1 MiB at hidden size 4,096, so that a short answer stays small and a long one grows seldom. */
  journalSegmentRows: 64,
  /** Rows of one replayed frame, as of a prefill chunk: a stage computes one while the next travels. */
  replayChunkRows: 128,
  /**
   * Repairs of one route without an answered step in between, for each of its stages: then the swarm is falling apart,
   * and the caller is told. A site that is cut off takes several stages with it, and every attempt finds one more of
   * those who stood in for them gone.
   */
  maxRepairsPerStage: 8,
  /** Peers that are replaced in a row because their rows of the same block have NaN or infinite values: more peers would compute the same. */
  maxRefusedInARow: 2,
  /** Pauses between questions to the route finder while nobody holds lost blocks. It only reads local state, so asking is cheap. */
  routeRetryMsMin: 100,
  routeRetryMsMax: 1_000,
  /** Keys and values of one frame: a step that travels behind one waits 1 ms at 10 Gbit/s, 80 ms at 100 Mbit/s. */
  handOverChunkBytes: 1024 * 1024,
  /** Rows of the first frame of a hand-over, which tells how many bytes a row has: 2 MB in the deepest models. */
  handOverFirstRows: 4,
  /** Sessions that one node hands over at the same time: more only share its uplink and end later, all of them. */
  handOversAtOnce: 2,
  /** Rows that may be left when the route changes hands: they travel while nobody computes. */
  handOverRestRows: 8,
  /** Transfers to different successors that may fail before one is left to compute everything again. */
  maxHandOvers: 3,
  /** Small messages to one peer that have not left yet. The channel to a peer that provokes more without reading is closed. */
  maxPosted: 1024,
  /** Channels that stages push over: one for each neighbour in any route; idle ones are closed after `lingerMs`. */
  maxChannels: 512,
} as const

/** Times of a stage and of a coordinator. All can be set; these are for home and wide-area links. */
export const sessionTimes = {
  /** A coordinator that sent nothing for so long is gone: six keep-alives. */
  leaseMs: 30_000,
  /** How long a stage keeps a session whose coordinator's connection is lost: enough for a short outage of Wi-Fi. */
  graceMs: 10_000,
  keepAliveMs: 5_000,
  /** A dial over a relay takes seconds; a firewalled address never answers. */
  connectTimeoutMs: 10_000,
  /** For an answer to `open`, the stage's own dial of its next hop included. */
  openTimeoutMs: 15_000,
  /** How long a stage may let an `open` wait for memory: two minutes are a long answer of a slow swarm. */
  roomWaitMs: 120_000,
  /** A step never fails sooner: a garbage collection or a busy machine takes hundreds of milliseconds. */
  stepDeadlineMsMin: 1_000,
  /** Predictions are medians of measurements; a loaded machine is several times slower. */
  stepDeadlineFactor: 8,
  /**
   * A route whose stages all answer pings is slow (a busy node computes for others first) or stuck: it gets more time,
   * twice as long each time, so often. A stopped process is not waited for.
   */
  stepExtensions: 3,
  /** After a deadline: how long each stage has to show that it is alive, so that the hung one is named. */
  suspectPingMs: 400,
  /**
   * The same for a lost peer that nobody can stand in for, once the session waits: one on a busy machine was lost because
   * it was slow, and nothing better is at hand.
   */
  patientPingMs: 2_000,
  /**
   * How long a session waits for somebody to take over blocks that nobody has any more: a loss is seen, a plan made and
   * some hundred MiB are loaded in that time. For more, a user would rather be told than wait.
   */
  replacementWaitMs: 30_000,
  /**
   * For the last rows of a hand-over to arrive, and all stages to answer: nobody computes meanwhile. After it the route
   * stays as it was.
   */
  letGoTimeoutMs: 5_000,
  /** Pause between attempts to move a leaving stage: others may be loading its blocks. */
  moveRetryMs: 500,
  /** Channels without a session stay open for the next one. */
  lingerMs: 60_000,
} as const

export type SessionTimes = { readonly [name in keyof typeof sessionTimes]: number }
