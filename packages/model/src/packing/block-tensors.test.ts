import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { BlockSpec, DenseSpec } from '../config/block-spec.ts'
import { parseConfig } from '../families/parse-config.ts'
import { sharedData, sharedDataMissing } from '../testing/shared-data.ts'
import { activeWeights } from './active-weights.ts'
import { blockTensors, expertTensors } from './block-tensors.ts'
import { packedBlock } from './packed-layout.ts'
import { parseProfile } from './profile.ts'

const dense: DenseSpec = {
  kind: 'dense',
  size: 160,
  activation: 'silu',
  gated: true,
  bias: false,
  outputBias: false,
}
const spec: BlockSpec = {
  hiddenSize: 64,
  norm: 'rms',
  normPlaces: 'before',
  normEpsilon: 1e-5,
  branchScale: 1,
  attention: {
    headCount: 4,
    keyValueHeadCount: 2,
    headSize: 16,
    window: null,
    rope: { theta: 10_000, scaling: null },
    rotatedPairs: 'halves',
    scoreDivisor: 4,
    softCap: null,
    bias: false,
    outputBias: false,
    queryKeyNorm: null,
  },
  feedForward: dense,
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

test('every part that a block may have is a tensor', () => {
  const everything: BlockSpec = {
    ...spec,
    norm: 'biased-layer',
    normPlaces: 'around',
    attention: { ...spec.attention, bias: true, outputBias: true, queryKeyNorm: 'all-heads' },
    feedForward: { ...dense, gated: false, bias: true, outputBias: true },
  }
  expect(blockTensors(everything).map(({ name, parts }) => [name, [...parts]])).toEqual([
    ['attention-norm', [64]],
    ['attention-norm.bias', [64]],
    ['qkv.weight', [64, 32, 32]],
    ['qkv.bias', [64, 32, 32]],
    ['query-norm', [64]],
    ['key-norm', [32]],
    ['output.weight', [64]],
    ['output.bias', [64]],
    ['attention-post-norm', [64]],
    ['feed-forward-norm', [64]],
    ['feed-forward-norm.bias', [64]],
    ['up.weight', [160]],
    ['up.bias', [160]],
    ['down.weight', [64]],
    ['down.bias', [64]],
    ['feed-forward-post-norm', [64]],
  ])
  const names = (block: BlockSpec): string[] => blockTensors(block).map(({ name }) => name)
  expect(names({ ...spec, normPlaces: 'after' })).not.toContain('attention-norm')
  expect(names({ ...spec, normPlaces: 'shared' })).not.toContain('feed-forward-norm')
})

test('blocks of different shapes are packed to different sizes under one profile', () => {
  const narrow: BlockSpec = { ...spec, feedForward: { ...dense, size: 32 } }
  const bytes = (block: BlockSpec): number =>
    packedBlock(block, parseProfile('f32'), 'block-0').reduce((sum, tensor) => sum + tensor.bytes, 0)
  expect(bytes(spec) - bytes(narrow)).toBe(4 * 3 * (160 - 32) * 64)
})

const mixture: BlockSpec = {
  ...spec,
  feedForward: { kind: 'experts', count: 3, activeCount: 2, size: 32, normalised: true, sharedSize: 96 },
}

test('a block with experts has a router in place of the dense matrices, the network of all rows, and networks by expert', () => {
  expect(
    blockTensors(mixture)
      .slice(4)
      .map(({ name, parts, columns }) => [name, [...parts], columns]),
  ).toEqual([
    ['router.weight', [3, 1], 64],
    ['shared-gate-up.weight', [96, 96], 64],
    ['shared-down.weight', [64], 96],
  ])
  expect(expertTensors(mixture).map(({ name, parts, columns }) => [name, [...parts], columns])).toEqual([
    ['gate-up.weight', [32, 32], 64],
    ['down.weight', [64], 32],
  ])
  expect(expertTensors(spec)).toEqual([])
})

test('each expert is packed into a file of its own, and the router stays float32', () => {
  const packed = packedBlock(mixture, parseProfile('int4:32'), 'block-0', { start: 1, end: 3 })
  expect(packed.find(({ name }) => name.includes('router'))).toMatchObject({ type: 'f32', shape: [4, 64] })
  expect(packed.filter(({ unit }) => unit !== 'block-0').map(({ name, offset }) => [name, offset])).toEqual(
    [1, 2].flatMap((expert) => [
      [`block-0-expert-${expert}.gate-up.weight`, 0],
      [`block-0-expert-${expert}.gate-up.scale`, 2048],
      [`block-0-expert-${expert}.down.weight`, 2560],
      [`block-0-expert-${expert}.down.scale`, 3584],
    ]),
  )
})

test.skipIf(sharedDataMissing !== null)(
  `a token of Qwen3-30B-A3B reads 3.0 of 30.5 thousand million parameters${sharedDataMissing === null ? '' : ` (${sharedDataMissing})`}`,
  () => {
    const config = parseConfig(
      JSON.parse(readFileSync(join(sharedData, 'configs/Qwen--Qwen3-30B-A3B.json'), 'utf8')),
    )
    const blocks = 48 * (2048 * 4096 * 2 + 2048 * 512 * 2 + 2 * 2048 + 2 * 128 + 128 * 2048)
    const active = blocks + 48 * 8 * 3 * 2048 * 768 + 151_936 * 2048 + 2048
    expect(activeWeights(config, parseProfile('int8:32')).parameters).toBe(active)
    expect(Math.round(active / 1e8)).toBe(30)
    expect(activeWeights(config, parseProfile('f32')).bytes).toBe(4 * active)
  },
)
