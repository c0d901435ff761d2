/** How a token is drawn from logits. Temperature 0 is greedy: the smallest id among the largest logits. */
export interface SamplingOptions {
  readonly temperature: number
  /** 0 = no limit. */
  readonly topK: number
  /** 1 = no limit. */
  readonly topP: number
  /** Tokens whose probability is below this share of the largest probability are not drawn. 0 = no limit. */
  readonly minP?: number
  /**
   * 1 = none. Logits of tokens of the prompt and the output are divided by it when positive, multiplied when negative
   * (CTRL, arXiv 1909.05858).
   */
  readonly repetitionPenalty: number
  /** Subtracted from the logits of tokens that occur in the output. 0 = none. */
  readonly presencePenalty?: number
  /** Subtracted from a token's logit once for each time that it occurs in the output. 0 = none. */
  readonly frequencyPenalty?: number
  /** Added to the logits of these token ids before all else: from -100, which bans a token in practice, to 100. */
  readonly logitBias?: ReadonlyMap<number, number>
  /** Unsigned 32 bits. Randomness is a pure function of (seed, position), so a replay draws the same tokens. */
  readonly seed: number
}
