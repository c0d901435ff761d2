/** Limits of this package, each with its reason. */
export const swarmLimits = {
  /** Answering a hello is a few microseconds of work; ten seconds cover a machine that is packing a model. */
  helloTimeoutMs: 10_000,
  /** Dialling over the internet with a relay takes up to about three seconds. */
  dialTimeoutMs: 10_000,
  /** A peer that is joining or packing itself is asked again so often, and so long: packing some gigabytes takes a minute or two. */
  notReadyRetryMs: 1000,
  notReadyTimeoutMs: 120_000,
  /** A node waits so long for the address it was told: the machine there may just be starting. */
  absentTimeoutMs: 60_000,
  /** A node that learns from a swarm that is up has done so within a second: who waits for longer waits for a model. */
  createAfterMs: 5_000,
  /** Who joins knows one member; the one that holds the weights it needs is met within some beats, or after its restart. */
  weightsPatienceMs: 20_000,
  weightsRetryMs: 500,
  /** A joiner waits so long to hear of all members, which takes a few round trips and a beat; then it plans with those it knows. */
  membersTimeoutMs: 2_000,
  /** Members change in bursts (a join is three records); one decision per burst. */
  settleMs: 250,
  /** While a block is served by nobody, nodes look this often whether they should move: beats bring new session counts. */
  unservedLookMs: 1_000,
  /** Voluntary moves: at most one per window, so that a flapping peer costs one move (fault F20). */
  moveWindowMs: 30_000,
  /** Before blocks are given up nothing may have changed for so long: news reaches everybody within two beats of a LAN. */
  releaseQuietMs: 3_000,
  /** A swarm that does not rest within this is not one to move in: what was loaded is given back. */
  releaseTimeoutMs: 10_000,
  /** A span that could not be loaded is tried again after this: packing and downloads are not cheap. */
  spanRetryMs: 10_000,
  /** How long running sessions may hold up a move that needs their memory: a long answer of a slow swarm. */
  drainTimeoutMs: 30_000,
  /**
   * The same when the blocks to be loaded are served by leaving nodes only: time to hand sessions over. Then they end
   * here, since the leaving node waits for the move as well; their coordinators replay them elsewhere.
   */
  handOverBeforeMoveMs: 3_000,
  /** Links that nobody has measured are looked for this often: one at a time, so that measuring loads no link twice. */
  probeIntervalMs: 1000,
  /** A measurement moves five pieces of this: 0.3 s of a 10 Mbit/s link, and longer than a millisecond at 1 Gbit/s. */
  probeBytes: 64 * 1024,
  probeBytesMin: 16 * 1024,
  /** Measurements of one link, transfers included: the best of three is hardly ever a busy machine's. */
  probes: 3,
  /** At 100 kbit/s they take 26 s. */
  probeTimeoutMs: 30_000,
  /** A peer whose measurement failed is tried again only after so long. */
  probeAgainMs: 60_000,
  /** How often a node compares its announced speed and link rates with the measured ones; it announces only changes. */
  announceIntervalMs: 3000,
  /** Links whose rates a record lists, at most. */
  announcedRates: 32,
  /** Peers of the local network that are remembered: a large office, bounded against a flood of made-up names. */
  foundPeers: 256,
  /** A peer that did not fit is asked again only after so long: it may have joined another swarm meanwhile. */
  greetAgainMs: 60_000,
  /** The wait for a first peer of the directory, and a search in it: a search takes some tenths of a second over the internet. */
  directorySearchMs: 5_000,
  /** After the first node is named, for others; and then for the records of all. */
  directoryGraceMs: 1_000,
  /** Nodes that a search may name: entries are anybody's word, so that many may be false. */
  directoryCandidates: 16,
  /** Named nodes asked at once, and the time for each to answer hello and send its manifest. */
  directoryAsksAtOnce: 4,
  directoryAskMs: 5_000,
  /** While somebody may still be getting ready, the directory is searched again in every so many rounds of questions. */
  directoryRounds: 10,
  /** A node says its own again this often; a third of what others keep it for. */
  directoryTurnMs: 10 * 60_000,
  /** The first pause, which then doubles up to a turn; and half of it is waited when nobody heard, to try the bootstrap addresses again. */
  directoryRetryMs: 30_000,
  /** After a change of what strangers choose by: changes come in bursts. */
  directoryChangeMs: 2_000,
  /** Telling twenty peers, some of which are gone; and as long for greeting those that are unknown. */
  directoryPublishMs: 20_000,
  /** What leaving may be held up by telling the directory. */
  directoryGoodbyeMs: 500,
  /** Nodes of the own manifest, but not members here, that are greeted in a turn: one merges two parts of a swarm. */
  greetingsPerTurn: 4,
  /** An answer that finds its only holders between two lives tries again so often and so long: a move of blocks takes seconds. */
  openingRetryMs: 250,
  openingTimeoutMs: 10_000,
  /** Members asked what they have fetched, for one status: each is a small exchange. */
  statusAsks: 64,
  /** mDNS asks every 10 s and answers within milliseconds; the swarm may be started after the one that looks for it. */
  discoveryTimeoutMs: 60_000,
} as const
