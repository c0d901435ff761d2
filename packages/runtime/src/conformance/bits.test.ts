import { createMemoryBudget } from '@shoal/host'
import type { ModelConfig } from '@shoal/model'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Device } from '../block-runner.ts'
import { sameBits } from '../probe/same-bits.ts'
import { seededValues } from '../probe/seeded-values.ts'
import { devices, plentyBytes } from '../testing/devices.ts'
import { loadPipeline, type Pipeline } from '../testing/pipeline.ts'
import type { PackedModel } from '../testing/packed-model.ts'
import { randomModel, smallLlama } from '../testing/random-model.ts'

/** The shapes that take different paths through the graph. */
const shapes: Readonly<Record<string, ModelConfig>> = {
  llama: smallLlama,
  window: { ...smallLlama, slidingWindow: 16 },
  'query-key-norm': { ...smallLlama, headSize: 32, queryKeyNorm: true },
  bias: { ...smallLlama, attentionBias: true },
  experts: {
    ...smallLlama,
    family: 'qwen3_moe',
    headSize: 32,
    queryKeyNorm: true,
    experts: { count: 6, activeCount: 3, size: 48, normalised: true, sharedSize: 40, denseBlocks: [1] },
  },
  'odd-sizes': { ...smallLlama, headCount: 8, keyValueHeadCount: 4, headSize: 8, feedForwardSize: 172 },
}
/** As DeepSeek: heads of shared vectors, of which a part turns, and experts in groups. */
const latent: ModelConfig = {
  ...smallLlama,
  family: 'deepseek_v3',
  keyValueHeadCount: 4,
  headSize: 24,
  rope: { theta: 10_000, dimensions: 8, scaling: null },
  latent: { querySize: 40, keyValueSize: 32, valueSize: 16 },
  experts: {
    count: 6,
    activeCount: 2,
    size: 48,
    normalised: true,
    sharedSize: 40,
    sharedUngated: true,
    denseBlocks: [0],
    grouped: { scores: 'sigmoid', groups: 3, activeGroups: 2, scale: 2.5, corrected: true },
  },
}
/** As LFM2: a short convolution in place of attention in one of two blocks. */
const convolution: ModelConfig = {
  ...smallLlama,
  family: 'lfm2',
  queryKeyNorm: true,
  convolutionTaps: 3,
  convolutionBlocks: [true, false],
}
const formats = ['f32', 'int4:32', 'int8:32', 'int4:128', 'int8:128', 'int4:16', 'int8:64', 'int4:32:offset']
const rowCount = 140

/** Sizes of equal chunks: the plain shape is tried with all, and the others where kernels change (1 row, 4, 32, 128). */
const sizesOf = { all: [1, 2, 3, 4, 5, 7, 16, 31, 33, 64, 129], some: [1, 4, 5, 33, 129] } as const

const cases = [
  ...Object.keys(shapes).flatMap((shape) =>
    ['f32', 'int4:32', 'int8:32'].map((format) => [shape, format, 'onnx'] as const),
  ),
  ...formats
    .filter((format) => !['f32', 'int4:32', 'int8:32'].includes(format))
    .map((format) => ['llama', format, 'onnx'] as const),
  ['experts', 'int4:128', 'onnx'] as const,
  ['latent', 'int4:128', 'onnx'] as const,
  ['convolution', 'int4:128', 'onnx'] as const,
  ['odd-sizes', 'int4:32:offset', 'onnx'] as const,
  ...['window', 'query-key-norm', 'odd-sizes'].map((shape) => [shape, 'int8:32+kv-int8', 'onnx'] as const),
  ['bias', 'f32+kv-int8', 'reference'] as const,
  ['query-key-norm', 'int4:32', 'reference'] as const,
  ['experts', 'int8:32', 'reference'] as const,
]

describe.each(cases)('bits of %s, %s, on %s', (shape, format, kind) => {
  const config = { ...shapes, latent, convolution }[shape] ?? smallLlama
  let packed: PackedModel
  let device: Device
  let threaded: Device
  let whole: Pipeline
  let expected: { hidden: Float32Array; keyValues: Float32Array }
  const hidden = seededValues(11, rowCount * config.hiddenSize, 1)

  beforeAll(async () => {
    packed = randomModel(config, format)
    device = await devices[kind]!(packed)
    threaded = await devices[kind]!(packed, 2)
    whole = await loadPipeline(device, [0, 2], plentyBytes)
    expected = await compute(whole, [rowCount])
  })
  afterAll(async () => {
    await device.close()
    await threaded.close()
    packed.remove()
  })

  async function compute(
    pipeline: Pipeline,
    sizes: readonly number[],
  ): Promise<{ hidden: Float32Array; keyValues: Float32Array }> {
    await pipeline.open('bits', rowCount)
    const output = new Float32Array(hidden.length)
    let at = 0
    for (const size of sizes) {
      const values = size * config.hiddenSize
      output.set(await pipeline.forward('bits', hidden.subarray(at, at + values)), at)
      at += values
    }
    const keyValues = await pipeline.exportKeyValues('bits')
    await pipeline.close('bits')
    return { hidden: output, keyValues }
  }
  async function expectSame(pipeline: Pipeline, sizes: readonly number[]): Promise<void> {
    const found = await compute(pipeline, sizes)
    expect(sameBits(found.hidden, expected.hidden), `hidden states of chunks ${sizes.join(' ')}`).toBe(true)
    expect(
      sameBits(found.keyValues, expected.keyValues),
      `keys and values of chunks ${sizes.join(' ')}`,
    ).toBe(true)
  }
  const chunksOf = (size: number): number[] =>
    Array.from({ length: Math.ceil(rowCount / size) }, (_, index) => Math.min(size, rowCount - index * size))

  test('the device promises a numeric class', () => {
    expect(device.numericClass).toMatch(/^[0-9a-f]{32}$/)
    expect(threaded.numericClass).toBe(device.numericClass)
  })

  test('one by one and in equal chunks', async () => {
    for (const size of sizesOf[shape === 'llama' ? 'all' : 'some']) await expectSame(whole, chunksOf(size))
  })

  test('in any chunks', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 4, maxLength: 140 }).map((given) => {
      const fitted: number[] = []
      for (let left = rowCount, index = 0; left > 0; index += 1) {
        const size = Math.min(left, given[index % given.length] ?? left)
        fitted.push(size)
        left -= size
      }
      return fitted
    })
    await fc.assert(
      fc.asyncProperty(sizes, (given) => expectSame(whole, given)),
      { numRuns: shape === 'llama' && kind === 'onnx' ? 10 : 3 },
    )
  })

  test('the head, however its rows are grouped', async () => {
    const head = await device.loadHead()
    const rows = hidden.subarray(0, 37 * config.hiddenSize)
    const logits = await head.logits(rows)
    for (const size of [1, 2, 5, 17]) {
      for (let row = 0; row < 37; row += size) {
        const part = await head.logits(
          rows.subarray(row * config.hiddenSize, (row + size) * config.hiddenSize),
        )
        const at = row * config.vocabularySize
        expect(
          sameBits(part, logits.subarray(at, at + part.length)),
          `logits of row ${row} in groups of ${size}`,
        ).toBe(true)
      }
    }
    await head.release()
  })

  test('cut into two spans', async () => {
    const cut = await loadPipeline(device, [0, 1, 2], plentyBytes)
    await expectSame(cut, [5, 1, 4, 2, 1, 1, 30, 96])
    await cut.release()
  })

  test('with two threads', async () => {
    const pipeline = await loadPipeline(threaded, [0, 2], plentyBytes)
    for (const sizes of [[rowCount], chunksOf(33), chunksOf(1)]) await expectSame(pipeline, sizes)
    await pipeline.release()
  })
})

/** Flash attention works in blocks of up to 512 keys at this head size: the past must be longer than two. */
describe.each(['f32', 'int4:32', 'int8:32', 'int4:128', 'int4:32+kv-int8'])(
  'a wider model with a long past, %s',
  (format) => {
    const config: ModelConfig = {
      ...smallLlama,
      hiddenSize: 512,
      feedForwardSize: 1376,
      headCount: 8,
      keyValueHeadCount: 2,
      headSize: 64,
      blockCount: 1,
    }
    const total = 1140

    test('rows behind 1100 positions have the same bits in any grouping, with one thread and two', async () => {
      const packed = randomModel(config, format)
      const hidden = seededValues(12, total * config.hiddenSize, 1)
      const outputs: { hidden: Float32Array; keyValues: Float32Array }[] = []
      for (const threads of [1, 2]) {
        const device = await devices['onnx']!(packed, threads)
        const runner = await device.loadBlocks(
          { start: 0, end: 1 },
          { memory: createMemoryBudget(plentyBytes) },
        )
        for (const [name, sizes] of [
          ['large', [256, 256, 256, 256, 116]],
          ['small', [128, 100, 300, 512, 61, 1, 1, 3, 1, 7, 1, 1, 24]],
        ] as const) {
          await runner.open(name, total)
          const rows = new Float32Array(hidden.length)
          for (const size of sizes) {
            const at = runner.length(name) * config.hiddenSize
            rows.set(
              await runner.forward(
                name,
                runner.length(name),
                hidden.subarray(at, at + size * config.hiddenSize),
              ),
              at,
            )
          }
          outputs.push({ hidden: rows, keyValues: await runner.exportKeyValues(name) })
        }
        await device.close()
      }
      packed.remove()
      const [first, ...others] = outputs
      for (const other of others) {
        expect(sameBits(other.hidden, first!.hidden)).toBe(true)
        expect(sameBits(other.keyValues, first!.keyValues)).toBe(true)
      }
    })
  },
)
