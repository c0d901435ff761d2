import { limits as protocolLimits } from '@shoal/protocol'

/** What a peer can make this package hold or wait for, each with its reason. Frames and credit are in @shoal/protocol. */
export const limits = {
  ...protocolLimits,
  /**
   * What holding a frame costs beside its bytes, so that small frames use credit too: its ArrayBuffer and view, the
   * promises of its handler, and its place in a queue took 1.1 KB of heap when a million of them waited.
   */
  frameOverheadBytes: 1280,
  /** A receiver returns credit once it owes this part of the whole: one grant for many small frames. */
  grantShare: 1 / 4,
  /**
   * What the opener of a channel may send first, in the smallest case: one largest header, and the part of the credit
   * that the receiver may owe.
   */
  firstCreditBytes: 96 * 1024,
  /** Unconsumed frames of one peer, over all its channels: two channels at their whole credit. */
  peerFrameBytes: 2 * protocolLimits.channelCreditBytes,
  /** Unconsumed frames of all peers without a record: what one of them with sessions may need, and as much for the others. */
  strangerFrameBytes: 2 * protocolLimits.channelCreditBytes,
  /** Frames that wait in one channel for credit or for the operating system: callers that do not await are told. */
  queuedFrames: 4096,
  /** Bytes that wait likewise: one credit's worth beyond what the receiver took. */
  queuedBytes: protocolLimits.channelCreditBytes,
  /** An orderly end must not wait for ever for a peer that consumes nothing. */
  closeTimeoutMs: 5_000,
  /** Simultaneous dials can make two connections, of which one is closed while a stream opens on it. */
  openAttempts: 2,
  /** Channels of one protocol that one peer may open on a connection: one is usual, transfers of weights use a few. */
  channelsPerProtocol: 64,
  /**
   * Streams that the other side may open before this side has finished setting up the connection. libp2p breaks the
   * connection off at the next one; its own limit of 10 ended connections of busy peers that opened their channels at once.
   */
  earlyStreams: 128,
  /** Connections altogether: every member of the largest planned swarm (some hundreds), with room. */
  connections: 1024,
  /**
   * New connections from one address in a second, beyond which libp2p resets every one of them. So high that the gate
   * decides first (`connection-gate.ts`): otherwise a flood would shut out the honest peers behind the same router.
   */
  inboundConnectionsPerSecond: 4096,
  /** Connections whose handshake is under way: the same restart on a slow link. The oldest makes way for a newer one. */
  pendingConnections: 256,
  /** Such connections from one network (/24, /56): the machines of one household that start together. */
  pendingPerNetwork: 16,
  /** The same from loopback or a local network, where a whole swarm may restart. */
  pendingPerNearNetwork: 192,
  /** For a handshake: four round trips over the slowest relayed link, on a busy machine. */
  handshakeMs: 10_000,
  /**
   * Handshakes of one network (/24, /56): all peers behind one router that start together, then one in so long. Each takes
   * some 5 ms of processor time, so a flood takes 4% of a processor.
   */
  handshakesOfNetwork: { atOnce: 64, everyMs: 125 },
  /** The same of one address in a local network, behind which may be a machine with many nodes: a flood takes 8%. */
  handshakesOfNearAddress: { atOnce: 128, everyMs: 62 },
  /** The same of this machine itself, on which whole swarms are started for tests. */
  handshakesOfThisMachine: { atOnce: 1024, everyMs: 5 },
  /**
   * Milliseconds of the event loop in a second that the strangers of one network may use: five newcomers, each of which
   * says hello, is identified and joins in some 15 ms. A client's session takes 0.3 ms for each token.
   */
  loopOfNetwork: { msPerSecond: 80, savedMsMost: 300 },
  /** The same of all strangers. Members' frames and this node's own work have the rest. */
  loopOfStrangers: { msPerSecond: 200, savedMsMost: 600 },
  /**
   * Bytes of all strangers' connections that wait for such time, of which each has one read of 64 KiB: 768 connections would
   * hold 48 MiB. Who connects and waits for its turn has sent a few kilobytes.
   */
  heldReadBytes: 8 * 1024 * 1024,
  /** A handshake beyond these waits so long at most: then it still ends within `handshakeMs`. */
  handshakeWaitMs: 4_000,
  /** Connections from one network: a household or an office behind one router. */
  connectionsPerNetwork: 64,
  /** The same from loopback or a local network: all members of the largest planned swarm. */
  connectionsPerNearNetwork: 768,
  /** Connections that one peer has opened: simultaneous dials make two, a broken one may not be noticed yet. */
  connectionsPerPeer: 4,
  /** Connections of peers without a record: a quarter of all is kept for members. */
  strangerConnections: 768,
  /**
   * Dials to an address that only records name, before the first pause; each further one waits twice as long. A machine
   * that is starting refuses for some seconds.
   */
  unprovenDialsPerAddress: 4,
  unprovenPauseMsMin: 2_000,
  /** Longest such pause: a machine that was switched on is found after this, if it does not dial first. */
  unprovenPauseMsMax: 10 * 60_000,
  /** Dials at once to all addresses that only records name: three for each of the twenty neighbours of a newcomer. */
  unprovenDialsAtOnce: 64,
  /** Afterwards one in so long: a tenth of what a web browser causes, spread over all that records can name. */
  unprovenDialEveryMs: 250,
  /** Addresses of a peer that are tried in one look for a faster one. */
  fasterAddresses: 3,
  /** Round trips of which the smallest counts: one of three is free of what else goes on. */
  fasterSamples: 3,
  /** A connection that takes less than this share of the other's time is worth a move. */
  fasterShare: 0.7,
  /** Peers of which it is remembered what dials to their addresses have found. */
  dialReportPeers: 1024,
  /** Peers whose addresses are remembered. */
  learnedPeers: 8192,
  /** What libp2p remembers of one peer (addresses, protocols, key): sixteen of the longest addresses and room. */
  peerEntryBytes: 16 * 1024,
  /** One peer's record in the directory: a signature, some twenty fields, eight addresses of usual length. */
  directoryRecordBytes: 4096,
  /** Records held of others, numbers of ended ones included: 16 MiB at their largest. */
  directoryRecords: 4096,
  /** A record or an entry ends this long after it was renewed: peers renew theirs every ten minutes, and two renewals may be lost. */
  directoryLifeMs: 30 * 60_000,
  /** Topics one peer may be entered under: a manifest's and a model's, twice over while it changes them, with room. */
  topicsPerProvider: 8,
  /** Topics held: as many swarms as peers is the most there can be. */
  directoryTopics: 4096,
  /** Peers held per topic, those heard of last: enough ways into any swarm, and an answer of some 15 KiB. */
  providersPerTopic: 64,
  /** Holders that agree on a record before it is returned: one may be behind, and one may be hostile. */
  recordHolders: 3,
  /** For asking a near peer for a direct channel and connecting to it; then a stream has to do. */
  directConnectMs: 2_000,
  /** An offer of a direct channel ends after this: whoever asked connects at once or not at all. */
  directOfferMs: 5_000,
  /** Offers to one peer that wait: a restarted leader of many groups asks for its channels at once. */
  directOffersPerPeer: 64,
  /** A peer to which no direct way was found is asked again after this: its machine may only have been busy. */
  directRetryMs: 10 * 60_000,
  /** A direct channel on which nothing moved for so long is probed by the kernel. */
  directKeepAliveMs: 15_000,
  /** For one frame of admission each way, inside the handshake: two signatures and a round trip take tenths of a second. */
  admissionTimeoutMs: 5_000,
  /** A refused peer has so long to read why, before its connection is reset. */
  refusalLingerMs: 1_000,
  /** Peers that nobody can dial, for which this node keeps a slot: the members of the largest planned swarm behind routers. */
  relaySlots: 256,
  /** Such slots of one network (/24, /56), so that one household or one rented machine cannot take them all. */
  relaySlotsPerNetwork: 32,
  /** A slot ends unless it is renewed, and at once when its holder's connection ends. */
  relaySlotMs: 60 * 60_000,
  /** Relays at which a peer that nobody can dial has a slot: the second takes over when the first is lost. */
  relaysPerPeer: 2,
  /** Relayed connections through this node at once: each member behind a router with some eight neighbours. */
  relayedConnections: 1024,
  /** Such connections that one peer has opened: its neighbours, the stages of its sessions, and room. */
  relayedConnectionsPerPeer: 64,
  /** The same of all peers without a record: half is kept for members. */
  relayedConnectionsOfStrangers: 512,
  /** Connections through one relay to or from this peer: the members of the largest planned swarm behind routers. */
  relayedConnectionsPerRelay: 256,
  /** What this node forwards for all: the uplink of a rented machine, and a fifth of a processor core. */
  relayRate: { bytesPerSecond: 32 * 1024 * 1024, burstBytes: 16 * 1024 * 1024 },
  /** What it forwards for one peer, or for all strangers, in both directions: more than a home's uplink, half of all. */
  relayRateOfPeer: { bytesPerSecond: 16 * 1024 * 1024, burstBytes: 8 * 1024 * 1024 },
  /** Bytes that wait in the relay for the slower side, beyond which the faster one is read no more: two windows. */
  relayQueuedBytes: 1024 * 1024,
  /** A debt below this is not waited for: timers are no finer. */
  relayPauseMsMin: 5,
  /** How often a node looks whether its connections still have their own address: reading all interfaces takes 0.1 ms. */
  lostAddressTurnMs: 2_000,
  /**
   * For an answer on an older connection of a peer that has connected again; two such times of silence end it. Above any
   * round trip and a retransmission, and far below the 30 s for which a session waits for its peer.
   */
  silentConnectionMs: 2_000,
  /** How often a node with a connection asks who is in its local network; others ask for themselves when they come. */
  mdnsQueryMs: 5 * 60_000,
  /** How often a node looks for connections on which nothing has come since: idle sockets end after two minutes. */
  quietConnectionMs: 45_000,
  /** For a sign of life on one: a peer whose event loop is blocked for some seconds must not lose it. */
  quietAnswerMs: 15_000,
  /** Such looks after which a connection whose socket is not seen is asked: relayed and punched ones. */
  hiddenSocketTurns: 5,
  /** For opening a connection through two routers: addresses, a round trip by the relay, and two handshakes. */
  punchMs: 10_000,
  /** A peer may ask for one so often, … */
  punchEveryMs: 5_000,
  /** … and so many attempts are under way at once, each of which has a socket and sends to at most four addresses. */
  punchesAtOnce: 8,
  /** One that a peer without a record asks for begins only below this, so that members always find room. */
  punchesOfGuests: 4,
  /** Connections through routers at once: each has a socket, and threads of the native library that all of them share. */
  punchedConnections: 64,
  /** One with a peer without a record opens only below this, for the same reason. */
  punchedConnectionsOfGuests: 32,
  /** Bytes under way in one of them, beyond what the other side has read: 20 MiB/s at a round trip of 50 ms. */
  punchedWindowBytes: 1024 * 1024,
  /** How often such a connection looks for signs of life, while it waits for one. */
  punchedTurnMs: 1_000,
  /** A path on which nothing comes for so long, although something was sent, is dead: packets are repeated within 3 s. */
  punchedSilenceMs: 6_000,
  /** For the last bytes of a connection that ends in order. */
  punchedEndMs: 1_000,
  /** Servers that a peer asks under which address it appears: its relays, and the one through which it meets the other. */
  stunServers: 3,
  /** A question is repeated after these, since packets may be lost; the sum is the longest wait. */
  stunWaitsMs: [300, 600, 1200],
  /** Answers to such questions: those of the largest planned swarm that starts at once, … */
  stunAnswers: { atOnce: 256, perSecond: 64 },
  /** … and of one network (/24, /56), so that a forged sender is sent at most 1.5 KB/s. */
  stunAnswersOfNetwork: { atOnce: 64, perSecond: 16 },
  /** A router on the same network answers within milliseconds; packets may be lost, and the sum is the longest wait. */
  routerWaitsMs: [250, 500, 1000],
  /** Routers with UPnP answer within two seconds, as they are asked to. */
  routerSearchMs: 3_000,
  /** Such routers that are asked: a home has one, and whoever answers in its place must not keep this node busy. */
  routersAsked: 4,
  /** For one answer of such a router, … */
  routerAnswerMs: 3_000,
  /** … and its bytes: descriptions of routers have some ten KiB. */
  routerTextBytes: 128 * 1024,
  /** External ports that are tried where others have some: the same number at two machines of a home is usual. */
  portsTried: 4,
  /** A port is forwarded for so long unless that is renewed: the mapping of a node that was killed ends then. */
  portMappingMs: 60 * 60_000,
  /** A router that was started again has forgotten its mappings. */
  portMappingRenewMs: 20 * 60_000,
  /** Least time between two renewals, however short a time the router grants. */
  portMappingRenewMsMin: 60_000,
  /** A router that has refused is asked again after this, then after twice as long, … */
  portMappingRetryMsMin: 5 * 60_000,
  /** … up to this: its owner may have changed its settings. */
  portMappingRetryMsMax: 60 * 60_000,
  /** For ending a mapping when the node leaves. */
  routerGoodbyeMs: 1_000,
  /** A connection without any channel is closed after this: those that a lookup made, and that nobody uses. */
  idleConnectionMs: 60_000,
} as const
