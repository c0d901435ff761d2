import { silentLogger, createMemoryBudget } from '@shoal/host'
import { readFileSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { limits } from '../limits.ts'
import { devices, plentyBytes } from '../testing/devices.ts'
import { loadPipeline } from '../testing/pipeline.ts'
import type { PackedModel } from '../testing/packed-model.ts'
import { randomModel, smallLlama } from '../testing/random-model.ts'
import { createComputeClient } from './host/compute-client.ts'
import { startThreadHost } from './host/thread-host.ts'
import { createOnnxDevice } from './device.ts'

const opened: PackedModel[] = []
function model(weights: string): PackedModel {
  const packed = randomModel(smallLlama, weights)
  opened.push(packed)
  return packed
}
afterEach(() => {
  for (const packed of opened.splice(0)) packed.remove()
})

/** Activations are rounded to int8 per block at accuracy level 4; the reference keeps them. Shares of the rows' rms. */
test.each([
  ['f32', 1e-5],
  ['int8:32', 0.03],
  ['int4:32', 0.03],
  ['int4:128', 0.05],
] as const)('%s agrees with the reference on the same packed weights', async (weights, tolerance) => {
  const packed = model(weights)
  const tokens = Array.from({ length: 48 }, (_, index) => (index * 29) % smallLlama.vocabularySize)
  const results: Float32Array[] = []
  for (const create of Object.values(devices)) {
    const device = await create(packed)
    const pipeline = await loadPipeline(device, [0, 2], plentyBytes)
    await pipeline.open('session', 64)
    results.push(await pipeline.logits('session', tokens))
    await device.close()
  }
  const [expected = new Float32Array(), found = new Float32Array()] = results
  const rms = (values: Float32Array): number =>
    Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)
  expect(
    rms(found.map((value, index) => value - (expected[index] ?? Number.NaN))) / rms(expected),
  ).toBeLessThan(tolerance)
})

test('a span needs the files of its own blocks only', async () => {
  const packed = model('int4:32')
  for (const unit of ['embed', 'block-0', 'head']) rmSync(join(packed.folder, `${unit}.bin`))
  const device = await devices['onnx']!(packed)
  const runner = await device.loadBlocks({ start: 1, end: 2 }, { memory: createMemoryBudget(plentyBytes) })
  await runner.open('session', 4)
  await runner.forward('session', 0, new Float32Array(smallLlama.hiddenSize).fill(1))
  await expect(
    device.loadBlocks({ start: 0, end: 2 }, { memory: createMemoryBudget(plentyBytes) }),
  ).rejects.toMatchObject({ code: 'compute-failed' })
  // The device goes on after that.
  await runner.forward('session', 1, new Float32Array(smallLlama.hiddenSize).fill(1))
  await device.close()
})

test('a file that has become shorter is refused', async () => {
  const packed = model('f32')
  truncateSync(join(packed.folder, 'block-1.bin'), 1000)
  truncateSync(join(packed.folder, 'embed.bin'), 1000)
  const device = await devices['onnx']!(packed)
  await expect(
    device.loadBlocks({ start: 1, end: 2 }, { memory: createMemoryBudget(plentyBytes) }),
  ).rejects.toMatchObject({ code: 'compute-failed' })
  const embedding = await device.loadEmbedding()
  expect((await embedding.lookup([0])).length).toBe(smallLlama.hiddenSize)
  await expect(embedding.lookup([63])).rejects.toMatchObject({ code: 'bad-model' })
  await embedding.release()
  await device.close()
})

test('embedding rows are the packed ones, and ids outside the vocabulary are refused', async () => {
  for (const create of Object.values(devices)) {
    const packed = model('f32')
    const device = await create(packed)
    const embedding = await device.loadEmbedding()
    const row = await embedding.lookup([5, 5, 0])
    const file = new Float32Array(new Uint8Array(readFileSync(join(packed.folder, 'embed.bin'))).buffer)
    const size = smallLlama.hiddenSize
    expect([...row]).toEqual([
      ...file.slice(5 * size, 6 * size),
      ...file.slice(5 * size, 6 * size),
      ...file.slice(0, size),
    ])
    for (const id of [-1, smallLlama.vocabularySize, 0.5, Number.NaN])
      await expect(embedding.lookup([id])).rejects.toMatchObject({ code: 'bad-request' })
    await embedding.release()
    await device.close()
  }
})

test('the numeric class covers the format and the operators, not the threads, weights or size', async () => {
  const classOf = async (packed: PackedModel, threads: number): Promise<string> => {
    const device = await createOnnxDevice({
      manifest: packed.manifest,
      folder: packed.folder,
      threads,
      logger: silentLogger,
    })
    await device.close()
    return device.numericClass
  }
  const packed = model('int4:32')
  const larger = randomModel({ ...smallLlama, hiddenSize: 128, blockCount: 1 }, 'int4:32')
  const windowed = randomModel({ ...smallLlama, slidingWindow: 16 }, 'int4:32')
  opened.push(larger, windowed)
  const first = await classOf(packed, 1)
  expect(await classOf(packed, 2)).toBe(first)
  expect(await classOf(larger, 1)).toBe(first)
  expect(await classOf(windowed, 1)).not.toBe(first)
  expect(await classOf(model('int8:32'), 1)).not.toBe(first)
})

test('when the compute thread dies, waiting and later calls are rejected', async () => {
  const packed = model('f32')
  const { manifest } = packed.manifest
  // The engine cannot start without tensors; any other reason to end is reported in the same way.
  const settings = {
    manifest: { ...manifest, tensors: undefined as unknown as [] },
    folder: packed.folder,
    threads: 1,
  }
  const client = createComputeClient((listener) => startThreadHost(settings, silentLogger, listener))
  const waiting = [
    client.call('numeric-class', null),
    client.call('load-head', { span: 1, vocabulary: null }),
  ]
  for (const call of waiting) await expect(call).rejects.toMatchObject({ code: 'not-ready', definite: true })
  await expect(client.call('numeric-class', null)).rejects.toMatchObject({ code: 'not-ready' })
  await client.stop()
})

test('calls beyond the queue are refused, and closing answers those within it', async () => {
  const device = await devices['onnx']!(model('f32'))
  const runner = await device.loadBlocks({ start: 0, end: 1 }, { memory: createMemoryBudget(plentyBytes) })
  const row = new Float32Array(smallLlama.hiddenSize).fill(1)
  await runner.open('session', 4096)
  const calls = Array.from({ length: limits.queuedCallsMax + 1 }, (_, position) =>
    runner.forward('session', position, row),
  )
  const outcomes = Promise.allSettled(calls)
  await device.close()
  await device.close()
  const rejected = (await outcomes).flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
  )
  expect(rejected).toEqual([expect.objectContaining({ code: 'no-capacity' })])
  await runner.release()
})
