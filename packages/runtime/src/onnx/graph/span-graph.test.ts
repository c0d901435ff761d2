import { blockSpec, headSpec, parseProfile, sha256Hex, type ModelConfig } from '@shoal/model'
import { expect, test } from 'vitest'
import { seededValues } from '../../probe/seeded-values.ts'
import { sameBits } from '../../probe/same-bits.ts'
import { randomModel, smallLlama } from '../../testing/random-model.ts'
import { shareSpec } from '../../ranks/share-span.ts'
import { spanOf, type Span } from '../../span.ts'
import type { Half } from './block.ts'
import { halfGraph } from './half-graph.ts'
import { createKeyValueCache } from '../computers/key-value-cache.ts'
import type { WeightSource } from './linear.ts'
import { createGateMemory, nativeGate } from '../native-gate.ts'
import { packedSource } from '../tensors/packed-source.ts'
import { tensors, type ComputeSession } from '../computers/compute-session.ts'
import { loadSession } from '../computers/inference-session.ts'
import { createSpanComputer } from '../computers/span-computer.ts'
import {
  generatorVersion,
  hiddenInput,
  hiddenOutput,
  logitsOutput,
  noBlocks,
  spanGraph,
} from './span-graph.ts'

const anywhere: WeightSource = (name) => ({ file: `${name}.bin`, offset: 64, length: 128 })

/**
 * Graphs belong to the numeric class. When one of these hashes changes, either undo the change or raise
 * `generatorVersion` and pin the new bytes: peers of the old and the new version then know that they are not of one class.
 */
const pinned: readonly (readonly [string, ModelConfig, string, string])[] = [
  ['llama', smallLlama, 'f32', '1a2251a0214f8da9fbe45996656a1829a2d70584100e4d846748724ab3048aea'],
  ['llama', smallLlama, 'int4:32', 'a31ca16df7bbcca76b1a90b0c960cdaf8c49f08d2ff70f0592f7447dd3814830'],
  [
    'qwen2',
    { ...smallLlama, attentionBias: true, tiedEmbeddings: false },
    'int8:32',
    '39d0294ed5f4473250e25e553983aa4d4ee1775fe0a0eb86c6eb5e45d19effad',
  ],
  [
    'qwen3',
    { ...smallLlama, headSize: 32, queryKeyNorm: true },
    'int4:32',
    'c6530b67035f9120a6f8d1466ce69068a8c544a9adf714f7f40a8fc97601483f',
  ],
  [
    'head size 8',
    { ...smallLlama, headSize: 8 },
    'f32',
    'b6dec6cb1b0da3242eae54c0305f3deba54249e5987990294217cf0fd3f2ddad',
  ],
  [
    'window',
    { ...smallLlama, slidingWindow: 16 },
    'f32',
    '152657852acbe55ddf4b09841651f4e50e57796de03313abf73730e5e38285e9',
  ],
]

test.each(pinned)('the graph of %s, case %#, has the pinned bytes', (_, config, weights, hash) => {
  const graph = spanGraph({
    span: spanOf(config, { start: 0, end: 2 }, 'f32'),
    profile: parseProfile(weights),
    head: headSpec(config),
    weights: anywhere,
  })
  expect(sha256Hex(graph)).toBe(hash)
  expect(generatorVersion).toBe(1)
})

/** The same of a rank's half-blocks, which have no probe of their own: they are made of the same functions. (The stream was an output once, and its sum an input: the same bits.) */
const pinnedHalves: readonly (readonly [Half, string, string])[] = [
  ['attention', 'int4:32', '1f28d9d927b65bd83119f5cfb042f32d6d82bcae3d0d7f549f3a8576245bdedb'],
  ['feed-forward', 'int4:32', '77c8858fdc74e43aa30b58c05e7e630a09683012b1ded6fb6d573c832d4fde0e'],
  ['attention', 'f32', 'cd152278db09c9771e92d4561fc5d940dac0228e096e9e897cffeb731a1a0ea8'],
  ['feed-forward', 'f32', 'df0e61b639b31911c503513abe56acc5e71db6db670e0cbcf44c4f0a0651ab4b'],
]

test.each(pinnedHalves)('the %s half of a rank, %s, has the pinned bytes', (half, weights, hash) => {
  const share = {
    rank: 1,
    ranks: 2,
    heads: { start: 2, end: 4 },
    keyValueHeads: { start: 1, end: 2 },
    columns: { start: 96, end: 160 },
    experts: null,
  }
  const graph = halfGraph({
    spec: shareSpec(blockSpec({ ...smallLlama, attentionBias: true }, 3), share),
    profile: parseProfile(weights),
    block: 3,
    half,
    stage: 'partial',
    weights: anywhere,
  })
  expect(sha256Hex(graph)).toBe(hash)
  expect(generatorVersion).toBe(1)
})

test('a graph with blocks and head computes what a graph of each computes one after the other', () => {
  const packed = randomModel(smallLlama, 'int4:32')
  const { config, profile } = packed.manifest.manifest
  const weights = packedSource(packed.manifest.manifest)
  const load = (span: Span, head: boolean): ComputeSession =>
    loadSession(spanGraph({ span, profile, head: head ? headSpec(config) : null, weights }), {
      folder: packed.folder,
      threads: 1,
      gate: nativeGate(createGateMemory()),
    })
  const span = spanOf(config, { start: 0, end: 2 }, 'f32')
  const [blocks, head, both] = [load(span, false), load(noBlocks, true), load(span, true)]
  /** The joined graph, asked for logits where the other is asked for hidden states. */
  const joined: ComputeSession = {
    ...both,
    run: (feeds, outputs) => {
      const results = both.run(
        feeds,
        outputs.map((name) => (name === hiddenOutput ? logitsOutput : name)),
      )
      return { ...results, [hiddenOutput]: results[logitsOutput] ?? new Float32Array() }
    },
  }
  const hidden = seededValues(5, 4 * config.hiddenSize, 1)
  const compute = (session: ComputeSession): Float32Array =>
    createSpanComputer(session, span, 'even').forward(createKeyValueCache(span, 4), hidden)
  const feeds = { [hiddenInput]: tensors.float32(compute(blocks), [4, config.hiddenSize]) }
  const apart = head.run(feeds, [logitsOutput])[logitsOutput] ?? new Float32Array()
  expect(apart.length).toBe(4 * config.vocabularySize)
  expect(sameBits(compute(joined), apart)).toBe(true)
  for (const session of [blocks, head, both]) session.release()
  packed.remove()
})
