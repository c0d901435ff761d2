/** How a token is drawn from logits. Temperature 0 is greedy: the smallest id among the largest logits. */
export interface SamplingOptions {
  readonly temperature: number
  /** 0 = no limit. */
  readonly topK: number
  /** 1 = no limit. */
  readonly topP: number
  /** 1 = none. Logits of tokens seen before are divided by it when positive, multiplied when negative (CTRL, arXiv 1909.05858). */
  readonly repetitionPenalty: number
  /** Unsigned 32 bits. Randomness is a pure function of (seed, position), so a replay draws the same tokens. */
  readonly seed: number
}
