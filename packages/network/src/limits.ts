import { limits as protocolLimits } from '@shoal/protocol'

/** What a peer can make this package hold or wait for, each with its reason. Frames and credit are in @shoal/protocol. */
export const limits = {
  ...protocolLimits,
  /** What holding a frame costs beside its bytes, so that empty frames use credit too. */
  frameOverheadBytes: 64,
  /**
   * A receiver returns credit once it owes this much: one grant for many small frames, and together with one largest
   * frame still under the whole credit, so that a sender never waits for a grant that is not due.
   */
  grantBytes: 16 * 1024 * 1024,
  /** Frames that wait in one channel for credit or for the operating system: callers that do not await are told. */
  queuedFrames: 4096,
  /** Bytes that wait likewise: one credit's worth beyond what the receiver took. */
  queuedBytes: protocolLimits.channelCreditBytes,
  /** An orderly end must not wait for ever for a peer that consumes nothing. */
  closeTimeoutMs: 5_000,
  /** Channels of one protocol that one peer may open on a connection: one is usual, transfers of weights use a few. */
  channelsPerProtocol: 64,
  /** Connections altogether: every member of the largest planned swarm (some hundreds), with room. */
  connections: 1024,
  /** New connections from one address in a second: a whole swarm on one machine, or behind one router, that restarts. */
  inboundConnectionsPerSecond: 256,
  /** Connections whose handshake is under way: the same restart on a slow link. */
  pendingConnections: 256,
  /** Peers whose addresses are remembered. */
  learnedPeers: 8192,
} as const
