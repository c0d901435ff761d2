/** How the next token was chosen at one position: the best logit's id, and how far the second best is behind. */
export interface Choice {
  readonly tokenId: number
  readonly gap: number
}

/** Choices of one shape against another's, over positions that both were given the same tokens before. */
export interface Tally {
  /** One text of either: logits row by row, `[positions, vocabularySize]`. `from` is the first position that counts. */
  add(one: Float32Array, other: Float32Array, from?: number): void
  readonly positions: number
  /** Of the first shape, where the other one chooses another token. */
  readonly gapsAtFlips: readonly number[]
  /** Of the first shape, at all positions. */
  readonly gaps: readonly number[]
  /** The largest difference of two logits. */
  readonly logitDifferenceMax: number
  /**
   * For each text, how many tokens a greedy stream has in common with the first shape's, when the first shape's own
   * choices were given: up to the first flip both streams are the same; null when there is none.
   */
  readonly firstFlips: readonly (number | null)[]
}

export function createTally(vocabularySize: number): Tally {
  const gaps: number[] = []
  const gapsAtFlips: number[] = []
  const firstFlips: (number | null)[] = []
  let logitDifferenceMax = 0
  return {
    add(one, other, from = 0) {
      let first: number | null = null
      for (let position = from; position < one.length / vocabularySize; position += 1) {
        const [mine, theirs] = [one, other].map((logits) =>
          logits.subarray(position * vocabularySize, (position + 1) * vocabularySize),
        ) as [Float32Array, Float32Array]
        const [{ tokenId, gap }, flipped] = [choose(mine), choose(theirs)]
        gaps.push(gap)
        for (const [index, value] of mine.entries())
          logitDifferenceMax = Math.max(logitDifferenceMax, Math.abs(value - theirs[index]!))
        if (flipped.tokenId === tokenId) continue
        gapsAtFlips.push(gap)
        first ??= position - from
      }
      firstFlips.push(first)
    },
    get positions() {
      return gaps.length
    },
    gaps,
    gapsAtFlips,
    firstFlips,
    get logitDifferenceMax() {
      return logitDifferenceMax
    },
  }
}

/** The greedy choice: of equal logits the first, as the sampler does. */
export function choose(logits: Float32Array): Choice {
  let [tokenId, best, second] = [0, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const [index, value] of logits.entries()) {
    if (value > best) [tokenId, best, second] = [index, value, best]
    else if (value > second) second = value
  }
  return { tokenId, gap: best - second }
}
