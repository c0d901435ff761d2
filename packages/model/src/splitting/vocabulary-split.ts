import type { IndexRange } from './block-split.ts'

/**
 * A vocabulary is cut at multiples of this: kernels compute outputs in tiles of at most so many, and a token of an uneven
 * tile may be added up in another order.
 */
export const vocabularyMultiple = 128

/**
 * Parts of a vocabulary for ranks of these speeds, in their order; together they are all of it. A part may be empty.
 *
 * @param speeds by rank, positive; only their ratios count
 */
export function splitVocabulary(vocabularySize: number, speeds: readonly number[]): readonly IndexRange[] {
  const total = speeds.reduce((sum, speed) => sum + speed, 0)
  let before = 0
  const ends = speeds.map((speed, rank) => {
    before += speed
    if (rank === speeds.length - 1) return vocabularySize
    return Math.min(
      vocabularySize,
      Math.round((vocabularySize * before) / total / vocabularyMultiple) * vocabularyMultiple,
    )
  })
  return ends.map((end, rank) => ({ start: ends[rank - 1] ?? 0, end }))
}
