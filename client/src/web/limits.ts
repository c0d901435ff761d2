/** What the client of the HTTP API bounds, each with its reason. */
export const webLimits = {
  /** Attempts after the first: a node that restarts, or whose places are all taken, is back within a few waits. */
  retries: 3,
  /** First wait after a failure without `Retry-After`; it doubles. */
  retryWaitMs: 500,
  /** A node that names a longer wait is not waited for: the caller, who may ask another node, is told. */
  retryWaitMsMax: 30_000,
  /** How often `watch` asks for the swarm's status: a peer's death shows within a second or two. */
  watchMs: 1_000,
} as const
