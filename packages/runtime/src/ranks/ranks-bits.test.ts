import { createMemoryBudget } from '@shoal/host'
import { keyValueBytesPerPosition, rankShare, splitBlocks, type ModelConfig } from '@shoal/model'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BlockRunner, Device } from '../block-runner.ts'
import { conformanceCases } from '../conformance/conformance.ts'
import { sameBits } from '../probe/same-bits.ts'
import { seededValues } from '../probe/seeded-values.ts'
import { devices, plentyBytes } from '../testing/devices.ts'
import { largestDifference } from '../testing/greedy.ts'
import type { PackedModel } from '../testing/packed-model.ts'
import { rankGroupDevice } from '../testing/rank-group.ts'
import { randomModel, smallLlama } from '../testing/random-model.ts'

/** The shapes that take different paths through a half-block's graph. */
const shapes: Readonly<Record<string, ModelConfig>> = {
  llama: { ...smallLlama, headSize: 32 },
  'query-key-norm': { ...smallLlama, headSize: 32, queryKeyNorm: true },
  bias: { ...smallLlama, headSize: 32, attentionBias: true, slidingWindow: 16 },
  'odd-sizes': { ...smallLlama, headCount: 8, keyValueHeadCount: 4, headSize: 8, feedForwardSize: 172 },
}
const cases = [
  ...['f32', 'int4:32', 'int8:32', 'int4:64', 'int4:32:offset', 'f32+kv-int8'].map(
    (format) => ['llama', format, 'onnx'] as const,
  ),
  ...['query-key-norm', 'bias', 'odd-sizes'].map((shape) => [shape, 'int4:32', 'onnx'] as const),
  ['bias', 'int4:32', 'reference'] as const,
]
const range = { start: 0, end: 2 }
const rowCount = 70
/** Between the split and the unsplit sum: rounding, which activations in eight bits enlarge. */
const tolerances: Readonly<Record<string, number>> = { f32: 1e-5, 'f32+kv-int8': 0.1, int4: 0.15, int8: 0.15 }

describe.each(cases)('ranks of %s, %s, on %s', (shape, format, kind) => {
  const config = shapes[shape] ?? smallLlama
  const hidden = seededValues(21, rowCount * config.hiddenSize, 1)
  let packed: PackedModel
  let ranks: Device[]
  let expected: Float32Array
  beforeAll(async () => {
    packed = randomModel(config, format)
    ranks = [await devices[kind]!(packed), await devices[kind]!(packed, 2)]
    expected = await compute(await ranks[0]!.loadBlocks(range, { memory: createMemoryBudget(plentyBytes) }), [
      rowCount,
    ])
  })
  afterAll(async () => {
    for (const device of ranks) await device.close()
    packed.remove()
  })

  async function compute(runner: BlockRunner, sizes: readonly number[]): Promise<Float32Array> {
    await runner.open('bits', rowCount)
    const output = new Float32Array(hidden.length)
    for (const size of sizes) {
      const at = runner.length('bits') * config.hiddenSize
      output.set(
        await runner.forward(
          'bits',
          runner.length('bits'),
          hidden.subarray(at, at + size * config.hiddenSize),
        ),
        at,
      )
    }
    await runner.close('bits')
    return output
  }

  test('a group of one rank has the bits of no group', async () => {
    const runner = await rankGroupDevice(ranks.slice(0, 1), packed.manifest.manifest, [1]).loadBlocks(range, {
      memory: createMemoryBudget(plentyBytes),
    })
    expect(sameBits(await compute(runner, [rowCount]), expected)).toBe(true)
    await runner.release()
  })

  test('two ranks come to the same rows within rounding, and to the same bits in any chunks and with two threads', async () => {
    const runner = await rankGroupDevice(ranks, packed.manifest.manifest, [1, 1]).loadBlocks(range, {
      memory: createMemoryBudget(plentyBytes),
    })
    const whole = await compute(runner, [rowCount])
    expect(largestDifference(whole, expected)).toBeLessThan(tolerances[format.split(':')[0]!]!)
    for (const sizes of [Array.from({ length: rowCount }, () => 1), [33, 1, 2, 30, 4], [7, 63]])
      expect(sameBits(await compute(runner, sizes), whole)).toBe(true)
    await runner.release()
  })
})

describe.each(['reference', 'onnx'])('ranks that share experts, on %s', (kind) => {
  const config: ModelConfig = {
    ...smallLlama,
    family: 'qwen3_moe',
    blockCount: 2,
    headSize: 32,
    queryKeyNorm: true,
    experts: { count: 7, activeCount: 3, size: 48, normalised: false, sharedSize: 40, denseBlocks: [1] },
  }
  const hidden = seededValues(22, rowCount * config.hiddenSize, 1)

  test('compute the bits of a peer that has all experts, in any chunks and however uneven their shares', async () => {
    const packed = randomModel(config, 'int4:32')
    const ranks = await Promise.all([1, 2, 3].map((rank) => devices[kind]!(packed, rank === 2 ? 2 : 1)))
    const compute = async (runner: BlockRunner, sizes: readonly number[]): Promise<Float32Array> => {
      await runner.open('bits', rowCount)
      const output = new Float32Array(hidden.length)
      for (const size of sizes) {
        const row = runner.length('bits')
        const rows = hidden.subarray(row * config.hiddenSize, (row + size) * config.hiddenSize)
        output.set(await runner.forward('bits', row, rows), row * config.hiddenSize)
      }
      await runner.close('bits')
      return output
    }
    const memory = createMemoryBudget(plentyBytes)
    const whole = await ranks[0]!.loadBlocks(range, { memory })
    const wholeBytes = whole.memory().weightBytes
    const expected = await compute(whole, [rowCount])
    for (const speeds of [[1], [1, 1], [1, 3, 2]]) {
      const group = rankGroupDevice(ranks.slice(0, speeds.length), packed.manifest.manifest, speeds)
      const runner = await group.loadBlocks(range, { memory })
      expect(sameBits(await compute(runner, [33, 1, 2, 30, 4]), expected)).toBe(true)
      if (speeds.length > 1) expect(runner.memory().weightBytes).toBeLessThan(wholeBytes)
      await runner.release()
    }
    for (const device of ranks) await device.close()
    packed.remove()
  })
})

/** A rank is a runner like any other. */
describe.each(Object.keys(devices))('%s rank', (kind) => {
  const config = { ...smallLlama, blockCount: 2 }
  const tokenRoom = 300
  let packed: PackedModel
  let device: Device
  beforeAll(async () => {
    packed = randomModel(config, 'f32')
    device = await devices[kind]!(packed)
  })
  afterAll(async () => {
    await device.close()
    packed.remove()
  })

  test.each(conformanceCases)('$name', async (given) => {
    const { profile } = packed.manifest.manifest
    const share = rankShare(config, profile, splitBlocks(config, profile, [1, 1]), 1)
    // Its own part stands for the sum.
    const load = (memoryLimitBytes: number): Promise<BlockRunner> =>
      device.loadRank(range, {
        share,
        memory: createMemoryBudget(memoryLimitBytes),
        sum: async (partial) => partial,
      })
    const measuring = await load(plentyBytes)
    const { weightBytes } = measuring.memory()
    await measuring.release()
    const own = { headCount: 1, keyValueHeadCount: 1, headSize: config.headSize }
    const positionBytes = keyValueBytesPerPosition(own, 'f32')
    const runner = await load(weightBytes + tokenRoom * 2 * positionBytes)
    try {
      await given.run({ runner, tokenRoom, positionBytes, contextLength: config.contextLength, ...own })
    } finally {
      await runner.release()
    }
  })

  test('a failed exchange fails the call and leaves the cache as it was, so that the next call succeeds', async () => {
    const { profile } = packed.manifest.manifest
    const share = rankShare(config, profile, splitBlocks(config, profile, [1, 1]), 0)
    let failAt = -1
    let exchange = 0
    const runner = await device.loadRank(range, {
      share,
      memory: createMemoryBudget(plentyBytes),
      async sum(partial) {
        exchange += 1
        if (exchange === failAt) throw new Error('rank 1 is gone')
        return partial
      },
    })
    const hidden = seededValues(5, 3 * config.hiddenSize, 1)
    await runner.open('whole', 8)
    const wanted = await runner.forward('whole', 0, hidden)
    await runner.open('a', 8)
    const row = (index: number): Float32Array =>
      hidden.subarray(index * config.hiddenSize, (index + 1) * config.hiddenSize)
    await runner.forward('a', 0, row(0))
    // Two blocks have four exchanges; each is the one that fails once.
    for (const offset of [1, 2, 3, 4]) {
      failAt = exchange + offset
      await expect(runner.forward('a', 1, row(1))).rejects.toThrow('rank 1 is gone')
    }
    failAt = -1
    expect(runner.length('a')).toBe(1)
    const rest = await runner.forward('a', 1, hidden.subarray(config.hiddenSize))
    expect(sameBits(rest, wanted.subarray(config.hiddenSize))).toBe(true)
    expect(sameBits(await runner.exportKeyValues('a'), await runner.exportKeyValues('whole'))).toBe(true)
    await runner.release()
  })
})
