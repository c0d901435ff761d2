import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openFolder } from '../model-folder.ts'
import { openModel } from '../model-source.ts'
import { widen } from '../widen.ts'
import { packTensors } from '../../packing/pack-tensors.ts'
import { unitNames } from '../../packing/packed-layout.ts'
import { parseProfile } from '../../packing/profile.ts'
import { writeRandomModel, type RandomModelShape } from './random-model.ts'
import { createWeightGenerator } from './random-weights.ts'
import { sha256Hex } from '../../manifest/hasher.ts'

const shape: RandomModelShape = {
  hidden: 64,
  blocks: 4,
  heads: 4,
  keyValueHeads: 2,
  feedForward: 160,
  vocabulary: 320,
  context: 512,
  tied: false,
  seed: 3,
}
const nothing = { write: async () => undefined }
let root: string

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'shoal-random-'))
})
afterAll(() => rm(root, { recursive: true }))

test.each<[string, Partial<RandomModelShape>]>([
  ['llama', {}],
  ['llama, tied, float32', { tied: true, type: 'f32' }],
  ['qwen2 with biases', { family: 'qwen2' }],
  ['qwen3 with norms and its own head size', { family: 'qwen3', headSize: 32 }],
  ['mistral', { family: 'mistral' }],
])('no two tensors have the same bytes: %s', async (name, change) => {
  const path = join(root, name)
  await writeRandomModel(path, { ...shape, ...change }, { shardBytesMax: 100_000 })
  expect((await readdir(path)).filter((file) => file.endsWith('.safetensors')).length).toBeGreaterThan(2)
  const source = await openModel(await openFolder(path))
  const config = source.config
  for (const weights of ['f32', 'int4:32']) {
    const tensors = await packTensors(source, parseProfile(weights), unitNames(config), nothing)
    expect(new Set(tensors.map(({ sha256 }) => sha256)).size).toBe(tensors.length)
  }
  const norm = widen(await source.tensors.readRows('model.layers.2.post_attention_layernorm.weight', 0, 64))
  expect(norm.reduce((sum, value) => sum + value, 0) / 64).toBeCloseTo(1, 1)
  await source.close()
})

test('the same shape and seed give the same bytes, another seed others', async () => {
  const hashes = []
  for (const [name, seed] of [
    ['one', 3],
    ['two', 3],
    ['three', 4],
  ] as const) {
    await writeRandomModel(join(root, name), { ...shape, seed })
    hashes.push(sha256Hex(await readFile(join(root, name, 'model.safetensors'))))
  }
  expect(hashes[0]).toBe('538a39f6b4d67c47bf99b19ba4e8f842a6277b74c70e56ba3a921cc1441c5be5')
  expect(hashes[1]).toBe(hashes[0])
  expect(hashes[2]).not.toBe(hashes[0])
})

test('weights have the mean and deviation that was asked for, and float32 rounds to the bfloat16 values', () => {
  const count = 200_000
  const wide = new Float32Array(count)
  createWeightGenerator(1, 2).fillFloat32(wide, 0.25, 0.5)
  const mean = wide.reduce((sum, value) => sum + value, 0) / count
  const deviation = Math.sqrt(wide.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count)
  expect(mean).toBeCloseTo(0.25, 2)
  expect(deviation).toBeCloseTo(0.5, 2)
  const half = new Uint16Array(count)
  createWeightGenerator(1, 2).fillBfloat16(half, 0.25, 0.5)
  const widened = new Float32Array(Uint32Array.from(half, (word) => word << 16).buffer)
  for (let index = 0; index < count; index++) {
    const value = wide[index] ?? 0
    if (Math.abs((widened[index] ?? 0) - value) > Math.abs(value) / 256 + 1e-38)
      throw new Error(`value ${index}: ${value} became ${widened[index]}`)
  }
})

test('refused: a folder with something in it, a shape that makes no sense', async () => {
  await expect(writeRandomModel(root, shape)).rejects.toThrow(/not empty/)
  await expect(writeRandomModel(join(root, 'bad'), { ...shape, heads: 3 })).rejects.toThrow(
    expect.objectContaining({ code: 'bad-model' }),
  )
})

test('progress counts every value; an aborted writing leaves no config.json', async () => {
  const controller = new AbortController()
  const path = join(root, 'aborted')
  let last = 0
  const onProgress = ({ valuesDone, valuesTotal }: { valuesDone: number; valuesTotal: number }): void => {
    last = valuesDone
    if (valuesDone > valuesTotal / 2) controller.abort(new Error('enough'))
  }
  await expect(writeRandomModel(path, shape, { onProgress, signal: controller.signal })).rejects.toThrow(
    'enough',
  )
  expect(last).toBeGreaterThan(0)
  await expect(openFolder(path)).rejects.toThrow(/no config.json/)
})

test('a model that the disk has no room for is refused', async () => {
  const huge = {
    ...shape,
    hidden: 131_072,
    heads: 1024,
    keyValueHeads: 1024,
    feedForward: 1 << 20,
    blocks: 1024,
  }
  await expect(writeRandomModel(join(root, 'huge'), huge)).rejects.toThrow(
    expect.objectContaining({ code: 'disk-full' }),
  )
})
