import type { IndexRange } from './block-split.ts'

/**
 * A vocabulary is cut at multiples of this number: kernels compute outputs in tiles of at most this many, and sums in an
 * incomplete tile may be added in another order.
 */
export const vocabularyMultiple = 128

/**
 * Divides a vocabulary among ranks in proportion to their speeds. The parts follow each other and cover the vocabulary; a
 * part may be empty.
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
