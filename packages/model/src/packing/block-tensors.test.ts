import { expect, test } from 'vitest'
import type { BlockSpec } from '../config/block-spec.ts'
import { blockTensors } from './block-tensors.ts'
import { packedBlock } from './packed-layout.ts'
import { parseProfile } from './profile.ts'

const spec: BlockSpec = {
  hiddenSize: 64,
  normEpsilon: 1e-5,
  attention: {
    headCount: 4,
    keyValueHeadCount: 2,
    headSize: 16,
    window: null,
    rope: { theta: 10_000, scaling: null },
    bias: false,
    queryKeyNorm: false,
  },
  feedForward: { kind: 'dense', size: 160 },
}

test('stacked tensors have the rows of their parts', () => {
  expect(blockTensors(spec).map(({ name, parts, columns }) => [name, [...parts], columns])).toEqual([
    ['attention-norm', [64], null],
    ['qkv.weight', [64, 32, 32], 64],
    ['output.weight', [64], 64],
    ['feed-forward-norm', [64], null],
    ['gate-up.weight', [160, 160], 64],
    ['down.weight', [64], 160],
  ])
})

test('blocks of different shapes are packed to different sizes under one profile', () => {
  const narrow: BlockSpec = { ...spec, feedForward: { kind: 'dense', size: 32 } }
  const bytes = (block: BlockSpec): number =>
    packedBlock(block, parseProfile('f32'), 'block-0').reduce((sum, tensor) => sum + tensor.bytes, 0)
  expect(bytes(spec) - bytes(narrow)).toBe(4 * 3 * (160 - 32) * 64)
})

test('a mixture of experts has no packed form yet', () => {
  const experts: BlockSpec = {
    ...spec,
    feedForward: { kind: 'experts', count: 8, activeCount: 2, size: 32 },
  }
  expect(() => blockTensors(experts)).toThrow(expect.objectContaining({ code: 'unsupported-model' }))
})
