/** Limits on what faults of peers count, each with its reason. */
export const trustLimits = {
  /** One wrong piece may be a bad disk; with the second a peer is not asked for weights for a while. */
  wrongWeightsUntilBarred: 2,
  /** The first bar; each further wrong piece doubles it. */
  sourceBarMs: 10 * 60_000,
  sourceBarMsMax: 6 * 3_600_000,
  /** Routes avoid a peer whose rows were refused for this long; each further time doubles it. */
  stageAvoidanceMs: 60_000,
  stageAvoidanceMsMax: 3_600_000,
  /**
   * Routes avoid a stage that did not answer in time for this long; each further time doubles it. Otherwise each new
   * answer would wait for that stage. The value is twice the wait for an answer to `open`.
   */
  silenceMs: 30_000,
  /** Plans and routes leave out a peer whose wrong results are proven for this long; each further proof doubles it. */
  banMs: 10 * 60_000,
  banMsMax: 24 * 3_600_000,
  /** Peers whose evidence is kept: a swarm of more faulty peers is a swarm of nothing else. */
  peers: 256,
} as const
