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
  expect(familyNames).toEqual([
    'llama',
    'mistral',
    'mixtral',
    'phi3',
    'qwen2',
    'qwen2_moe',
    'qwen3',
    'qwen3_moe',
  ])
})

test('an unknown family is refused with the names of those that are supported', () => {
  expect(() => familyNamed('gemma2')).toThrow(
    expect.objectContaining({
      code: 'unsupported-model',
      message:
        'model family "gemma2" is not supported; these are: llama, mistral, mixtral, phi3, qwen2, qwen2_moe, qwen3, qwen3_moe',
    }),
  )
  expect(() => blockSpec({ ...config, family: 'toString' }, 0)).toThrow(/"toString" is not supported/)
})

test('a block spec says everything that the config says about a block', () => {
  expect(blockSpec(config, 2)).toEqual({
    hiddenSize: 64,
    normEpsilon: 1e-5,
    attention: {
      headCount: 4,
      keyValueHeadCount: 2,
      headSize: 16,
      window: 16,
      rope: { theta: 10_000, scaling: null },
      bias: true,
      queryKeyNorm: true,
    },
    feedForward: { kind: 'dense', size: 160 },
  })
  expect(blockSpecs(config)).toHaveLength(3)
  expect(blockSpecs(config, { start: 1, end: 2 })).toEqual([blockSpec(config, 1)])
})

test.each(familyNames.filter((name) => familyNamed(name).expertsIn !== true))(
  'the checkpoints of %s name a tensor for every part of every packed tensor',
  (family) => {
    const names = ['embed', 'block-1', 'head'].flatMap((unit) =>
      packedSources({ ...config, family }, unit).flatMap(({ sources }) => sources.map(({ name }) => name)),
    )
    // Phi-3 stores five of them in two matrices.
    expect(new Set(names).size).toBe(3 + 7 + 3 + 2 + 2 - (family === 'phi3' ? 3 : 0))
    expect(names.slice(1, -2).every((name) => name.startsWith('model.layers.1.'))).toBe(true)
  },
)
