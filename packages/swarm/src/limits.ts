/** Limits of this package, each with its reason. */
export const swarmLimits = {
  /** How often a node looks whether others can dial it: a lost relay is replaced after this, beside the other one. */
  reachTurnMs: 3_000,
  /** How often a client looks for a way around its relays: its first answers are soon over, and looking is cheap. */
  clientReachTurnMs: 1_000,
  /** For one member's knock at one of this node's addresses: a connection over the slowest link. */
  dialBackMs: 5_000,
  /** Members that are asked about one address: one may be wrong, and one may lie. */
  dialBackMembers: 3,
  /** An address at which members have reached this node is tried again after this: firewalls change seldom. */
  dialBackAgainMs: 10 * 60_000,
  /** The same of one at which they have not, and of one that nobody could try: a firewall may just have been opened. */
  dialBackSoonMs: 2 * 60_000,
  /** Knocks that this node makes for one member: three addresses at once, and no more before this. */
  dialBackEveryMs: 10_000,
  /** Knocks under way for all members. */
  dialBacksAtOnce: 8,
  /** A connection through the routers of both is tried so soon again after it has failed, and twice as late each time. */
  punchPauseMsMin: 15_000,
  /** Longest such pause: routers do not change often, and each attempt sends some ten packets. */
  punchPauseMsMax: 10 * 60_000,
  /** For such an attempt: what the transport takes at most, and a little more. */
  punchMs: 12_000,
  /** Round trips from which on a faster way is looked for: within a house they are shorter. */
  fasterFromMicros: 3_000,
  /** How often a member is looked at whose addresses have not changed: a round of pings and dials takes some KiB. */
  fasterEveryMs: 10 * 60_000,
  /** The member with the larger id waits so long for the other one, and so long after a success the older connection is closed. */
  fasterWaitMs: 15_000,
  /** For one look: three addresses, one of which may not answer. */
  fasterMs: 12_000,
  /** A member that is connected through a relay is dialled at its other addresses so often: the direct way wins in 30 s. */
  upgradeEveryMs: 15_000,
  /** For such a dial: a connection over the slowest link, and less than the pause. */
  upgradeMs: 8_000,
  /** Positions that a prompt must have in common with an earlier one: a stage hands out blocks of so many. */
  prefixPositionsMin: 32,
  /** Sessions whose tokens are remembered for their prefixes, and tokens of all of them: 16 MB. */
  prefixSessions: 256,
  prefixTokens: 4 * 2 ** 20,
  /**
   * Tokens of an answer when routes are compared: most requests allow far more than they get, and a slower route must
   * not be refused for tokens that never come.
   */
  prefixAnswerTokens: 256,
  /** Peers that are remembered as having served: those of the largest planned swarm. */
  servedPeers: 1024,
  /** Trials of newcomers at once: as many as a household starts together; a flood of keys causes no more. */
  trialsAtOnce: 4,
  /**
   * Time for one trial, which opens a session at one peer and computes one row there: the longest wait for an answer to
   * `open`, and a step.
   */
  trialTimeoutMs: 20_000,
  /** Addresses of members that a data folder remembers, so that a restart needs no invite: one of them will be up. */
  rememberedAddresses: 16,
  /** Peers whose standing is remembered: every member of a swarm, and the keys that commands of a day have used. */
  admittedPeers: 4096,
  /** How often the addresses of members are written down: members come and go within minutes. */
  rememberTurnMs: 60_000,
  /** Time for one pairing: four frames in the local network, and some 30 ms of computing on each side. */
  pairingTimeoutMs: 10_000,
  /**
   * Pairings at one door at the same time, and the time between the beginnings of two: together they use at most a
   * tenth of a core.
   */
  pairingsAtOnce: 4,
  pairingPauseMs: 250,
  /**
   * How long a newcomer looks for a door: mDNS asks every two seconds, and the other machine may just begin to show its
   * PIN.
   */
  pairingSearchMs: 60_000,
  /** After a refusal, for the four times in which another machine announces itself by mDNS. */
  pairingOthersMs: 8_000,
  pairingAgainMs: 1_000,
  pairingMdnsIntervalMs: 2_000,
  /**
   * Time for one call of a model's template or tokenizer. A full context of 131,072 tokens takes about a second, and several
   * on a busy machine.
   */
  tokenizeTimeoutMs: 15_000,
  /**
   * Time in which the tokenizing thread must have loaded its code and the vocabulary. The limit is long, so that no
   * node ends because other programs keep its machine busy.
   */
  tokenizerStartTimeoutMs: 120_000,
  /** Longest wait for calls before it: two that are ended by their limit. */
  tokenizeWaitMs: 30_000,
  /**
   * Heap of the tokenizing thread: this much, and this many bytes for each byte of the model's files, whose vocabulary
   * becomes objects and maps.
   */
  tokenizeHeapMiB: 128,
  tokenizeHeapPerByte: 32,
  /** How often the heap of a working thread is compared with that bound: it grows by some 50 MiB a second. */
  tokenizeHeapWatchMs: 50,
  /**
   * What the heap may have beyond the bound before V8 gives up, which ends the thread, or the whole process. Enough for
   * the growth of five seconds, in which even a busy machine has compared the heap.
   */
  tokenizeHeapReserveMiB: 256,
  /**
   * Longest prompt in characters: this many for each token of the context, as in the API, and this many more for what a
   * template adds.
   */
  charactersPerToken: 16,
  templateCharacters: 64 * 1024,
  /**
   * Time for an answer to hello. Answering takes a few microseconds; ten seconds cover a machine that is packing a
   * model.
   */
  helloTimeoutMs: 10_000,
  /** How often a node looks whether it is to fetch a copy: copies guard against losses that are hours apart. */
  copiesTurnMs: 5_000,
  /**
   * Share of its time that a node spends on checking or fetching copies while it serves sessions. Copies slow answers
   * by at most this share on average; they guard against losses that are hours apart.
   */
  copiesBusyShare: 0.02,
  /** Longest rest between two units: over a slow link, a node that is never idle still fetches a dozen an hour. */
  copiesRestMaxMs: 300_000,
  /** A copy is fetched when it has been wanted for so long: most peers that vanish are back sooner. Also the time between two tries. */
  copiesSettleMs: 15_000,
  /** Free bytes of a disk that copies for others leave untouched. */
  diskReserveBytes: 1024 ** 3,
  /** Time for a dial. Dialling over the internet with a relay takes up to about three seconds. */
  dialTimeoutMs: 10_000,
  /** Interval and total time of asking a peer that is joining or packing itself: packing some gigabytes takes a minute or two. */
  notReadyRetryMs: 1000,
  notReadyTimeoutMs: 120_000,
  /**
   * How long a user's command waits for peers that have no swarm. A node learns of its swarm within seconds. A
   * bootstrap peer never has one, but its directory names a swarm's peers within 10 s, even on a busy machine.
   */
  clientPatienceMs: 20_000,
  /** How long a node waits for an address that does not answer: the machine there may just be starting. */
  absentTimeoutMs: 60_000,
  /**
   * How long all peers must have been waiting before a node with a model creates the swarm. A node learns from a
   * running swarm within a second, so peers that wait for longer wait for a model.
   */
  createAfterMs: 5_000,
  /**
   * How long a joiner looks for weights that nobody could give. It knows one member at first, and meets the holders of
   * its weights within some beats, or after their restart.
   */
  weightsPatienceMs: 20_000,
  weightsRetryMs: 500,
  /**
   * How long a joiner waits to hear of all members, which takes a few round trips and a beat. Then it plans with those
   * it knows.
   */
  membersTimeoutMs: 2_000,
  /**
   * Pause after a change of members before a node decides. Changes come in bursts (a join is three records), and each
   * burst gets one decision.
   */
  settleMs: 250,
  /** While a block has no holder, nodes decide anew at this interval: beats bring new session counts. */
  unservedLookMs: 1_000,
  /**
   * A node makes at most one voluntary move per window, so that a peer that leaves and returns again and again costs
   * one move.
   */
  moveWindowMs: 30_000,
  /** Blocks are given up only after so long without a change: news reaches all members within two beats of a LAN. */
  releaseQuietMs: 3_000,
  /** When a swarm changes for longer than this, a move is given up, and what it has loaded is released. */
  releaseTimeoutMs: 10_000,
  /** A span that could not be loaded is tried again after this: packing and downloads are not cheap. */
  spanRetryMs: 10_000,
  /** How long running sessions may delay a move that needs their memory: a long answer of a slow swarm. */
  drainTimeoutMs: 30_000,
  /**
   * `drainTimeoutMs` for a move to blocks that only leaving nodes serve: time to hand sessions over. Sessions that are
   * left then end, since the leaving nodes wait for the move as well; their coordinators replay them elsewhere.
   */
  handOverBeforeMoveMs: 3_000,
  /** Interval at which a node looks for a link to measure. It measures one at a time, so that measurements do not compete. */
  probeIntervalMs: 1000,
  /** A measurement moves five pieces of this size: 0.3 s at 10 Mbit/s, and longer than a millisecond at 1 Gbit/s. */
  probeBytes: 64 * 1024,
  probeBytesMin: 16 * 1024,
  /** Measurements of one link, transfers included. The best of three rarely shows a busy machine instead of the link. */
  probes: 3,
  /** Time for one measurement, which takes 26 s at 100 kbit/s. */
  probeTimeoutMs: 30_000,
  /** Time after which a failed measurement is tried again. */
  probeAgainMs: 60_000,
  /** How often a node compares its announced speed and link rates with the measured ones; it announces only changes. */
  announceIntervalMs: 3000,
  /** Links whose rates a record lists, at most. */
  announcedRates: 32,
  /** Peers of the local network that are remembered: a large office, bounded against a flood of made-up names. */
  foundPeers: 256,
  /** Time after which a peer that did not fit is asked again: it may have joined another swarm meanwhile. */
  greetAgainMs: 60_000,
  /** The wait for a first peer of the directory, and a search in it: a search takes some tenths of a second over the internet. */
  directorySearchMs: 5_000,
  /** The wait for other nodes after the first one, and then for the records of all. */
  directoryGraceMs: 1_000,
  /** Nodes that a search may name. Anybody may write entries, so many of them may be false. */
  directoryCandidates: 16,
  /** Named nodes asked at once, and the time for each to answer hello and send its manifest. */
  directoryAsksAtOnce: 4,
  directoryAskMs: 5_000,
  /** While a peer may still be getting ready, the directory is searched once in so many rounds of questions. */
  directoryRounds: 10,
  /** Interval at which a node publishes its record again: a third of the time for which the directory keeps it. */
  directoryTurnMs: 10 * 60_000,
  /** The first pause between publications, which doubles up to a turn. Half of it passes before bootstrap peers that did not answer are dialled again. */
  directoryRetryMs: 30_000,
  /** The wait after a change of the fields by which strangers choose: changes come in bursts. */
  directoryChangeMs: 2_000,
  /** Time limit for publishing to twenty peers, some of which are gone, and another one for greeting unknown nodes. */
  directoryPublishMs: 20_000,
  /** How long publishing `left` to the directory may delay leaving. */
  directoryGoodbyeMs: 500,
  /** Nodes of the own manifest, but not members here, that are greeted in a turn: one merges two parts of a swarm. */
  greetingsPerTurn: 4,
  /** Interval and total time of opening a route again while the only holders of a block are moving or restarting: a move takes seconds. */
  openingRetryMs: 250,
  openingTimeoutMs: 10_000,
  /** Members that are asked for their fetched bytes for one status; each question is a small exchange. */
  statusAsks: 64,
  /**
   * How long a peer without addresses looks for a swarm in the local network. mDNS asks every 10 s and answers within
   * milliseconds, but the swarm may be started after the peer that looks for it.
   */
  discoveryTimeoutMs: 60_000,
  /**
   * What a node that streams its weights loads of them in a second, before it has measured it: a slow SSD. With too high a
   * figure the deadlines of its first steps would pass.
   */
  streamedBytesPerSecond: 250e6,
  /** Rows of a prompt for which streamed weights are read once: those of a usual chunk. */
  rowsPerStreamedCall: 128,
} as const
