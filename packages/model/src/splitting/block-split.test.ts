import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatSplit, rankShare, splitBlocks } from './block-split.ts'
import { parseProfile } from '../packing/profile.ts'

const llama1B = { headCount: 32, keyValueHeadCount: 8, headSize: 64, feedForwardSize: 8192 }
const golden = { headCount: 4, keyValueHeadCount: 2, headSize: 16, feedForwardSize: 160 }

const splits: readonly (readonly [string, typeof llama1B, string, readonly number[], string])[] = [
  ['two equal ranks', llama1B, 'int4:32', [1, 1], '16,16|4096,4096'],
  ['speeds count by their ratio', llama1B, 'int4:32', [300, 100], '24,8|6144,2048'],
  ['three ranks, whole key/value groups', llama1B, 'int4:32', [1, 1, 1], '12,12,8|2752,2720,2720'],
  ['a rank never has nothing', llama1B, 'int4:128', [1000, 1], '28,4|8064,128'],
  ['more ranks than key/value heads', golden, 'f32', [1, 1, 1, 1], '1,1,1,1|48,48,32,32'],
  ['the fast rank takes a key/value head alone', golden, 'f32', [2, 1, 1], '2,1,1|80,48,32'],
  ['wherever it stands', golden, 'f32', [1, 1, 2], '1,1,2|48,32,80'],
  ['a block of 32 weights spans two heads of 16', golden, 'int4:32', [1, 1], '2,2|96,64'],
  ['one rank has it all', golden, 'int4:32', [7], '4|160'],
  [
    'columns that fill no block belong to the last rank',
    { ...golden, feedForwardSize: 172 },
    'int4:32',
    [1, 1],
    '2,2|96,76',
  ],
]

test.each(splits)('%s', (_, config, weights, speeds, wanted) => {
  expect(formatSplit(splitBlocks(config, parseProfile(weights), speeds))).toBe(wanted)
})

const refusals: readonly (readonly [string, typeof golden, string, readonly number[], RegExp])[] = [
  [
    'a block of weights is longer than all heads of a rank',
    { ...golden, headSize: 8 },
    'int4:32',
    [1, 1],
    /a block of 32 weights spans 4 heads of 8/,
  ],
  [
    'fewer heads than ranks',
    golden,
    'f32',
    [1, 1, 1, 1, 1],
    /4 heads over 2 key\/value heads cannot be split over 5 ranks/,
  ],
  [
    'fewer blocks of columns than ranks',
    { ...llama1B, feedForwardSize: 200 },
    'int4:128',
    [1, 1, 1],
    /200 feed-forward columns are 2 blocks of 128, too few for 3 ranks/,
  ],
  ['nobody', golden, 'f32', [], /1 to 64 ranks/],
  ['a rank that stands still', golden, 'f32', [1, 0], /positive speed/],
]

test.each(refusals)('refused: %s', (_, config, weights, speeds, reason) => {
  expect(() => splitBlocks(config, parseProfile(weights), speeds)).toThrow(reason)
})

test('the shares of a split cover every head and column once, aligned, in any proportion', () => {
  const shapes = fc.record({
    keyValueHeadCount: fc.integer({ min: 1, max: 9 }),
    groupSize: fc.integer({ min: 1, max: 8 }),
    headSize: fc.constantFrom(8, 16, 32, 64, 128),
    feedForwardSize: fc.integer({ min: 64, max: 3000 }),
    weights: fc.constantFrom('f32', 'int4:32', 'int8:64', 'int4:128'),
    speeds: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 6 }),
  })
  let accepted = 0
  fc.assert(
    fc.property(shapes, ({ keyValueHeadCount, groupSize, headSize, feedForwardSize, weights, speeds }) => {
      const config = {
        headCount: keyValueHeadCount * groupSize,
        keyValueHeadCount,
        headSize,
        feedForwardSize,
      }
      const profile = parseProfile(weights)
      let split
      try {
        split = splitBlocks(config, profile, speeds)
      } catch {
        return
      }
      accepted += 1
      const shares = speeds.map((_, rank) => rankShare(config, profile, split, rank))
      shares.forEach(({ heads, columns, keyValueHeads }, rank) => {
        const before = shares[rank - 1]
        expect([heads.start, columns.start]).toEqual([before?.heads.end ?? 0, before?.columns.end ?? 0])
        const count = heads.end - heads.start
        expect(count).toBeGreaterThan(0)
        expect(count % (keyValueHeads.end - keyValueHeads.start)).toBe(0)
        expect(keyValueHeads.start * groupSize).toBeLessThanOrEqual(heads.start)
        expect(keyValueHeads.end * groupSize).toBeGreaterThanOrEqual(heads.end)
      })
      expect([shares.at(-1)?.heads.end, shares.at(-1)?.columns.end]).toEqual([
        config.headCount,
        feedForwardSize,
      ])
    }),
    { numRuns: 300 },
  )
  expect(accepted).toBeGreaterThan(100)
})

const foreign: readonly (readonly [string, { heads: number[]; columns: number[] }, number])[] = [
  ['heads that do not add up', { heads: [2, 1], columns: [80, 80] }, 0],
  ['a rank outside', { heads: [2, 2], columns: [80, 80] }, 2],
  ['vectors of two lengths', { heads: [2, 2], columns: [160] }, 0],
  ['nothing for a rank', { heads: [4, 0], columns: [80, 80] }, 1],
  ['parts of two groups', { heads: [1, 2, 1], columns: [64, 64, 32] }, 1],
]

test.each(foreign)('a split from elsewhere is checked: %s', (_, split, rank) => {
  expect(() => rankShare(golden, parseProfile('f32'), split, rank)).toThrow(/does not fit this model/)
})

test('a split from a peer may not cut through a quantisation block', () => {
  expect(() => rankShare(golden, parseProfile('int4:32'), { heads: [2, 2], columns: [80, 80] }, 1)).toThrow(
    /column 80 does not start a block of 32/,
  )
})
