/** Limits of serving embedding and head to others, each with its reason. */
export const vocabularyLimits = {
  /** Hidden states of one request: within the first credit of its channel. */
  requestBytes: 1024 * 1024,
  /** Rows of one answer, unless one row alone is larger: 16 rows of a vocabulary of 128,256. */
  answerBytes: 8 * 1024 * 1024,
  /**
   * Answers that are computed and sent at the same time, of all peers, of one and of a network: each may hold
   * `answerBytes`. One client decodes one row at a time.
   */
  served: { total: 16, perPeer: 2, perNetwork: 4 },
  /** Rows of the embedding for the peers of one network in an open swarm. They are read from the disk, as pieces of weights are. */
  embeddings: { atOnce: 256, everyMs: 10, networksMax: 4096 },
  /**
   * Logits for the peers of one network in an open swarm: fifty tokens a second. The head of a 1B model takes 7 ms, so that they have a
   * third of the computing thread at the most; over sessions they have as much.
   */
  logits: { atOnce: 64, everyMs: 20, networksMax: 4096 },
  /** A peer that has not taken an answer within this loses its channel: 8 MiB in it are 280 KB/s. */
  takeAnswerMs: 30_000,
  /** Opening a channel to a peer that is known. */
  openTimeoutMs: 10_000,
  /** An answer must come within this: the first one waits until the peer has loaded its head. */
  answerTimeoutMs: 60_000,
  /** How long an answer looks for another peer when the one that computed embedding and head is lost. */
  replacementWaitMs: 30_000,
  /** Pause between two looks. */
  retryMs: 250,
} as const

/** How many rows of `rowValues` float32 fit into `bytes`; at least one. */
export function rowsWithin(bytes: number, rowValues: number): number {
  return Math.max(1, Math.floor(bytes / (rowValues * Float32Array.BYTES_PER_ELEMENT)))
}
