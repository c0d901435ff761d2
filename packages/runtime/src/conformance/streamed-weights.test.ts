import { createMemoryBudget, silentLogger } from '@shoal/host'
import { afterAll, expect, test } from 'vitest'
import { createDevice } from '../devices/create-device.ts'
import { residentWeightBytes } from '../costs/memory-estimate.ts'
import { sameBits } from '../probe/same-bits.ts'
import { seededValues } from '../probe/seeded-values.ts'
import { randomModel, smallLlama } from '../testing/random-model.ts'

const config = { ...smallLlama, blockCount: 8 }
const packed = randomModel(config, 'int4:32')
const { manifest } = packed.manifest
const range = { start: 0, end: 8 }
const whole = residentWeightBytes(manifest, range)
afterAll(() => packed.remove())

test('blocks whose weights come from disk in every step compute the same bits, in a fraction of the memory', async () => {
  const device = await createDevice({
    kind: 'onnx',
    manifest: packed.manifest,
    folder: packed.folder,
    threads: 1,
    logger: silentLogger,
    numericClass: 'unprobed',
  })
  const hidden = seededValues(31, 12 * config.hiddenSize, 1)
  const compute = async (limitBytes: number): Promise<[Float32Array, number]> => {
    const memory = createMemoryBudget(limitBytes)
    const runner = await device.loadBlocks(range, { memory, streamWeights: true })
    await runner.open('a', 8)
    await runner.open('part', 8, { start: 3, end: 5 })
    const row = (index: number): Float32Array =>
      hidden.subarray(index * config.hiddenSize, (index + 1) * config.hiddenSize)
    const rows = [
      await runner.forward('a', 0, hidden.subarray(0, 5 * config.hiddenSize)),
      ...(await Promise.all([runner.forward('a', 5, row(5)), runner.forward('part', 0, row(6))])),
      await runner.forward('part', 1, row(7)),
      await runner.forward('a', 6, row(8)),
      await runner.exportKeyValues('a'),
    ]
    const { weightBytes } = runner.memory()
    await runner.release()
    return [Float32Array.from(rows.flatMap((values) => [...values])), weightBytes]
  }
  const [expected, all] = await compute(2 ** 26)
  expect(all).toBe(whole)
  // Room for no block beside the one that computes, and for two.
  for (const [share, blocks] of [
    [0.25, 1],
    [0.75, 3],
  ] as const) {
    const [found, weightBytes] = await compute(whole * share)
    expect(sameBits(found, expected)).toBe(true)
    expect(weightBytes).toBeCloseTo((whole * blocks) / 8)
  }
  await device.close()
})
