/** How a token is drawn from logits. Temperature 0 is greedy: the smallest id among the largest logits. */
export interface SamplingOptions {
  readonly temperature: number
  /** 0 = no limit. */
  readonly topK: number
  /** 1 = no limit. */
  readonly topP: number
  /** 1 = none; as in CTRL: positive logits are divided, negative ones multiplied. */
  readonly repetitionPenalty: number
  /** Unsigned 32 bits. Randomness is a pure function of (seed, position): a replay draws the same. */
  readonly seed: number
}
