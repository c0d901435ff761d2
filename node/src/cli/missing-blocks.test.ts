import { expect, test } from 'vitest'
import { createFakeEngine } from '../api/testing/fake-engine.ts'
import { blockNames, missingText } from './missing-blocks.ts'

test('many blocks are named by the first of them', () => {
  expect(blockNames([3])).toBe('block 3')
  expect(blockNames([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])).toBe('blocks 0, 1, 2, 3, 4, 5, 6, 7 and 2 more')
})

test('blocks that nobody serves are told with the memory that they need', async () => {
  const { manifest } = createFakeEngine()
  expect(await missingText(manifest, { coverage: [1, 2] })).toBe(null)
  expect(await missingText(manifest, { coverage: [1, 0] })).toMatch(
    /^Nobody serves block 1 of letters yet, .* 1 block needs [\d.]+ [KM]?i?B of memory: .*--memory [\d.]+[KM]?i?B for all 2 blocks, or --stream-weights, which .* is slow\.$/,
  )
})
