import { expect, test } from 'vitest'
import { parseProfile } from '../packing/profile.ts'
import { rankPermille } from './rank-weights.ts'

const llama1B = { headCount: 32, keyValueHeadCount: 8, headSize: 64, feedForwardSize: 8192 }

test.each([
  ['alone', [1], [1000]],
  ['equal ranks', [1, 1], [500, 500]],
  ['three to one', [3, 1], [750, 250]],
  [
    'more ranks than key/value heads: each of them keeps the one it shares',
    [...Array<number>(16).fill(1)],
    [...Array<number>(16).fill(65)],
  ],
] as const)('%s', (_, speeds, wanted) => {
  expect(rankPermille(llama1B, parseProfile('int4:32'), speeds)).toEqual(wanted)
})

test('a split that the model does not allow has no weights', () => {
  expect(
    rankPermille({ ...llama1B, headCount: 2, keyValueHeadCount: 2 }, parseProfile('f32'), [1, 1, 1]),
  ).toBeNull()
})
