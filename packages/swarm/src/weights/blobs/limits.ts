/** Limits of fetching and serving weights, each with its reason. */
export const blobLimits = {
  /** Pieces of 1 MiB asked for at once of one peer, at most: enough to fill a 1 Gbit/s link at 50 ms. */
  piecesInFlight: 8,
  /** A peer that nobody knows yet is given this many, so that a slow one does not begin with eight. */
  piecesAtFirst: 2,
  /** A piece that took this long, its wait behind the others included, says that fewer should be under way. */
  slowPieceMs: 4_000,
  /** Peers asked at once: more would not fill a link better, and 8 pieces each have to fit in memory. */
  sources: 8,
  /** A piece must arrive within this, or its source is given up: 1 MiB at 1 Mbit/s takes 8.4 s. */
  pieceTimeoutMs: 30_000,
  /** An idle source also takes a piece that another has owed for so long; the first answer counts. */
  hedgeAfterMs: 5_000,
  /** Times that one peer is tried again in one unit: a connection may be lost, a peer that loses three is of no use. */
  openingsPerUnit: 3,
  /** A manifest or an asset must be whole within this beside the time of its pieces: nothing but its size may make it last. */
  wholeBlobTimeoutMs: 120_000,
  /**
   * Pieces of 1 MiB that are read and sent at the same time, of all peers. One peer has two places, however many channels
   * it opens: one is read while the other leaves. More keys of one network do not take the places of others.
   */
  served: { total: 32, perPeer: 2, perNetwork: 8 },
  /**
   * Requests of one network that are answered at once, and the time for each further one: a small model's tensors at once,
   * and then pieces of 1 MiB at 800 Mbit/s.
   */
  requests: { atOnce: 256, everyMs: 10, networksMax: 4096 },
  /** A peer that has not taken a piece within this loses its channel: 1 MiB in it are 35 KB/s. */
  takePieceMs: 30_000,
} as const
