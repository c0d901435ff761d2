import { createMemoryBudget } from '@shoal/host'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Device } from '../block-runner.ts'
import { devices, plentyBytes } from '../testing/devices.ts'
import { largestDifference } from '../testing/greedy.ts'
import { goldenFolder, packFolder, readGolden, type PackedModel } from '../testing/packed-model.ts'
import { loadPipeline } from '../testing/pipeline.ts'

const opened: { readonly packed: PackedModel; readonly device: Device }[] = []
const open = async (kind: string, profile: string): Promise<Device> => {
  const packed = await packFolder(goldenFolder('llama'), profile)
  const device = await devices[kind]!(packed)
  opened.push({ packed, device })
  return device
}
let exact: Device
let rounded: Device
let oracle: Device
beforeAll(async () => {
  exact = await open('onnx', 'f32')
  rounded = await open('onnx', 'f32+kv-int8')
  oracle = await open('reference', 'f32+kv-int8')
})
afterAll(async () => {
  for (const { packed, device } of opened) {
    await device.close()
    packed.remove()
  }
})

async function promptLogits(device: Device): Promise<Float32Array> {
  const pipeline = await loadPipeline(device, [0, 1, 3], plentyBytes)
  await pipeline.open('prompt', 200)
  const [golden] = readGolden('llama')
  // Copied, because a later call may use the memory again.
  const logits = (await pipeline.logits('prompt', golden!.prompt)).slice()
  await pipeline.release()
  return logits
}

test('keys and values in int8 change the logits a little, as the reference runner says', async () => {
  const [float, int8, expected] = [
    await promptLogits(exact),
    await promptLogits(rounded),
    await promptLogits(oracle),
  ]
  // A value between two codes may fall to either, which is a step of a 127th.
  expect(largestDifference(int8, expected)).toBeLessThan(0.02)
  expect(largestDifference(int8, float)).toBeGreaterThan(1e-3)
  expect(largestDifference(int8, float)).toBeLessThan(0.2)
})

test('a cache in int8 takes little more than a quarter of the memory, and peers are of another class', async () => {
  const range = { start: 0, end: 3 }
  const bytes: number[] = []
  for (const device of [exact, rounded]) {
    const runner = await device.loadBlocks(range, { memory: createMemoryBudget(plentyBytes) })
    await runner.open('a', 64)
    await runner.forward('a', 0, new Float32Array(64 * runner.hiddenSize).fill(0.5))
    const { keyValueBytes, reservedBytes } = runner.memory()
    expect(keyValueBytes).toBe(reservedBytes)
    bytes.push(keyValueBytes)
    await runner.release()
  }
  // Heads of 16 values: 16 codes and a scale of 4 bytes in place of 64 bytes.
  expect(bytes[1]! / bytes[0]!).toBeCloseTo(20 / 64)
  expect(rounded.numericClass).toMatch(/^[0-9a-f]{32}$/)
  expect(rounded.numericClass).not.toBe(exact.numericClass)
})
