import { expect, test } from 'vitest'
import type { ModelConfig } from '../config/model-config.ts'
import { packedSources } from '../packing/packed-layout.ts'
import { blockSpec, blockSpecs, familyNamed, familyNames } from './registry.ts'

const config: ModelConfig = {
  family: 'llama',
  hiddenSize: 64,
  feedForwardSize: 160,
  blockCount: 3,
  headCount: 4,
  keyValueHeadCount: 2,
  headSize: 16,
  vocabularySize: 320,
  contextLength: 512,
  normEpsilon: 1e-5,
  rope: { theta: 10_000, scaling: null },
  slidingWindow: 16,
  attentionBias: true,
  queryKeyNorm: true,
  tiedEmbeddings: false,
  bosTokenId: null,
  eosTokenIds: [],
}

test('every family has a name of its own', () => {
  expect(new Set(familyNames).size).toBe(familyNames.length)
  expect(familyNames).toContain('llama')
})

test('an unknown family is refused with the names of those that are supported', () => {
  expect(() => familyNamed('walrus')).toThrow(
    expect.objectContaining({
      code: 'unsupported-model',
      message: `model family "walrus" is not supported; these are: ${familyNames.join(', ')}`,
    }),
  )
  expect(() => blockSpec({ ...config, family: 'toString' }, 0)).toThrow(/"toString" is not supported/)
})

test('a published family that cannot be run is refused with what it needs', () => {
  expect(() => familyNamed('lfm2_moe')).toThrow(
    /"lfm2_moe" is not supported: it needs short convolutions beside experts; these are: /,
  )
  expect(() => familyNamed('constructor')).toThrow(/"constructor" is not supported; these are: /)
})

test('a block spec says everything that the config says about a block', () => {
  expect(blockSpec(config, 2)).toEqual({
    hiddenSize: 64,
    norm: 'rms',
    normPlaces: 'before',
    normEpsilon: 1e-5,
    branchScale: 1,
    attention: {
      headCount: 4,
      keyValueHeadCount: 2,
      headSize: 16,
      window: 16,
      rope: { theta: 10_000, scaling: null },
      rotatedPairs: 'halves',
      scoreDivisor: 4,
      softCap: null,
      bias: true,
      outputBias: false,
      queryKeyNorm: 'head',
    },
    feedForward: {
      kind: 'dense',
      size: 160,
      activation: 'silu',
      gated: true,
      bias: false,
      outputBias: false,
    },
  })
  expect(blockSpecs(config)).toHaveLength(3)
  expect(blockSpecs(config, { start: 1, end: 2 })).toEqual([blockSpec(config, 1)])
})

test('the blocks of one model may differ in window, rotary embedding and whether they rotate', () => {
  const mixed: ModelConfig = {
    ...config,
    windowedBlocks: [true, false, true],
    windowedRope: { theta: 500, scaling: null },
    rotatedBlocks: [true, true, false],
  }
  const kinds = blockSpecs(mixed).map(({ attention: { window, rope } }) => [window, rope?.theta])
  expect(kinds).toEqual([
    [16, 500],
    [null, 10_000],
    [16, undefined],
  ])
})

const dense = familyNames.filter((name) => familyNamed(name).expertsIn !== true)
test.each(dense)('the checkpoints of %s name a tensor of their own for every part', (family) => {
  const own = { ...config, family, outputBias: true, feedForwardBias: true }
  const sources = ['embed', 'block-1', 'head'].flatMap((unit) => packedSources(own, unit))
  const parts = sources.flatMap((packed) => packed.sources)
  const names = parts.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  expect(names.slice(1).filter((name) => name.startsWith('model.layers.1.')).length).toBeGreaterThan(8)
  // Every row of every packed tensor comes from one of them.
  for (const { shape, sources: from } of sources)
    expect(from.reduce((sum, { rows }) => sum + rows, 0)).toBe(shape[0])
})
