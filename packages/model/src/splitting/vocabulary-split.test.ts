import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitVocabulary, vocabularyMultiple } from './vocabulary-split.ts'

test('parts follow each other, are all of the vocabulary, and are cut at multiples', () => {
  const speeds = fc.array(fc.double({ min: 0.01, max: 100, noNaN: true }), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300_000 }), speeds, (vocabularySize, ranks) => {
      const parts = splitVocabulary(vocabularySize, ranks)
      expect(parts.map(({ start }) => start)).toEqual([0, ...parts.slice(0, -1).map(({ end }) => end)])
      expect(parts.at(-1)?.end).toBe(vocabularySize)
      for (const { start, end } of parts) {
        expect(end).toBeGreaterThanOrEqual(start)
        expect(start % vocabularyMultiple === 0 || start === vocabularySize).toBe(true)
      }
    }),
  )
})

test.each([
  [128_256, [1, 1], [64_128, 128_256]],
  [128_256, [3, 1], [96_256, 128_256]],
  [1000, [1, 1, 1], [384, 640, 1000]],
  [64, [1, 1], [0, 64]],
])('%i tokens for speeds %j', (vocabularySize, speeds, ends) => {
  expect(splitVocabulary(vocabularySize, speeds).map(({ end }) => end)).toEqual(ends)
})
