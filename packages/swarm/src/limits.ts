/** Limits of this package, each with its reason. */
export const swarmLimits = {
  /** Answering a hello is a few microseconds of work; ten seconds cover a machine that is packing a model. */
  helloTimeoutMs: 10_000,
  /** Dialling over the internet with a relay takes up to about three seconds. */
  dialTimeoutMs: 10_000,
  /** Pieces of one tensor asked for at once: enough to fill a 1 Gbit/s link at 50 ms with 1 MiB pieces. */
  blobRequestsInFlight: 8,
  /** One piece must arrive within this, or the source is given up: 1 MiB at 1 Mbit/s takes 8.4 s. */
  blobTimeoutMs: 30_000,
  /** Requests of one peer being answered at once; more wait their turn on the channel. */
  blobServesInFlight: 4,
  /** Members change in bursts (a join is three records); one decision per burst. */
  settleMs: 250,
  /** Voluntary moves: at most one per window, so that a flapping peer costs one move (fault F20). */
  moveWindowMs: 30_000,
  /** How long to wait for running sessions when leaving. */
  drainTimeoutMs: 30_000,
  /** Rows per prefill chunk: replay and prefill run best in 64 to 128 rows (docs/numerics.md). */
  prefillChunkRows: 128,
  /** Peers a node keeps a connection to: full mesh up to here, floods reach the rest in two hops. */
  meshPeers: 48,
} as const
