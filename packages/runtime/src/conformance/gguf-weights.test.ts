import { silentLogger } from '@shoal/host'
import { formatOf, profileOfBlocks, type ModelConfig, type ModelSource, type StoredType } from '@shoal/model'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Device } from '../block-runner.ts'
import { createDevice } from '../devices/create-device.ts'
import { sameBits } from '../probe/same-bits.ts'
import { seededBytes, seededValues, seedOf } from '../probe/seeded-values.ts'
import { devices, plentyBytes } from '../testing/devices.ts'
import { packModel, type PackedModel } from '../testing/packed-model.ts'
import { loadPipeline } from '../testing/pipeline.ts'
import { smallLlama } from '../testing/random-model.ts'

/** Rows of Q4_K are multiples of 256 values. */
const config: ModelConfig = {
  ...smallLlama,
  hiddenSize: 256,
  feedForwardSize: 256,
  headSize: 64,
  blockCount: 3,
}
const rowCount = 40
const hidden = seededValues(31, rowCount * config.hiddenSize, 1)

/** Bytes of a block of 256 values in the types of this test, with scales that keep activations in their size. */
const blocks: Readonly<
  Partial<Record<StoredType, { bytes: number; values: number; halves: readonly number[] }>>
> = {
  Q4_K: { bytes: 144, values: 256, halves: [0x0400, 0x1800] },
  Q6_K: { bytes: 210, values: 256, halves: [] },
  Q4_0: { bytes: 18, values: 32, halves: [0x2000] },
  Q8_0: { bytes: 34, values: 32, halves: [0x0c00] },
}

/** As in Q4_K_M files: more bits for v and down in some blocks. */
function typeOf(name: string): StoredType {
  if (name.endsWith('norm.weight')) return 'F32'
  if (name === 'model.embed_tokens.weight') return 'Q8_0'
  if (name === 'model.layers.2.self_attn.o_proj.weight') return 'Q4_0'
  return /layers\.0\..*(v_proj|down_proj)/.test(name) ? 'Q6_K' : 'Q4_K'
}

function rowsOf(name: string, count: number): { readonly type: StoredType; readonly bytes: Uint8Array } {
  const type = typeOf(name)
  if (type === 'F32') return { type, bytes: new Uint8Array(new Float32Array(count).fill(1).buffer) }
  const block = blocks[type]!
  const bytes = seededBytes(seedOf(name), (count / block.values) * block.bytes)
  for (let at = 0; at < bytes.length; at += block.bytes) {
    // Q6_K has its scale behind everything else.
    const halves =
      type === 'Q6_K'
        ? [[208, 0x0100] as const]
        : block.halves.map((half, index) => [2 * index, half] as const)
    for (const [place, half] of halves) new DataView(bytes.buffer).setUint16(at + place, half, true)
  }
  return { type, bytes }
}

const source: ModelSource = {
  name: 'blocks',
  config,
  assets: new Map(),
  preferredWeights: 'int8:128',
  close: async () => undefined,
  tensors: {
    tensorNames: async () => [],
    tensor: async (name) => ({ name, type: typeOf(name), shape: shapeOf(name) }),
    readRows: async (name, start, end) => {
      const [rows = 1, columns = 1] = shapeOf(name)
      const { type, bytes } = rowsOf(name, rows * columns)
      const rowBytes = bytes.byteLength / rows
      return { type, bytes: bytes.slice(start * rowBytes, end * rowBytes) }
    },
  },
}

function shapeOf(name: string): readonly number[] {
  const { hiddenSize, vocabularySize, keyValueHeadCount, headSize } = config
  if (name.endsWith('norm.weight')) return [hiddenSize]
  if (name === 'model.embed_tokens.weight') return [vocabularySize, hiddenSize]
  return [/[kv]_proj/.test(name) ? keyValueHeadCount * headSize : hiddenSize, hiddenSize]
}

const models: Record<string, PackedModel> = {}
beforeAll(async () => {
  for (const weights of ['gguf', 'f32']) models[weights] = await packModel(source, weights)
})
afterAll(() => Object.values(models).forEach((model) => model.remove()))

/** Without the probes of the numeric class, which take longer than everything else here. */
const onnxDevice = (weights: string, threads = 1): Promise<Device> =>
  createDevice({
    kind: 'onnx',
    ...models[weights]!,
    threads,
    logger: silentLogger,
    numericClass: 'of this test',
  })

async function compute(
  device: Device,
  cuts: readonly number[],
  sizes: readonly number[],
): Promise<Float32Array> {
  const pipeline = await loadPipeline(device, cuts, plentyBytes)
  await pipeline.open('rows', rowCount)
  const output: number[] = []
  let at = 0
  for (const size of sizes) {
    const values = size * config.hiddenSize
    output.push(...(await pipeline.forward('rows', hidden.subarray(at, at + values))))
    at += values
  }
  await pipeline.release()
  return Float32Array.from(output)
}

test('each matrix has the format that keeps its blocks, and int8:128 where none does', async () => {
  const profile = await profileOfBlocks(source)
  const named = (name: string): string => {
    const { weights, blockSize, offsets } = formatOf(profile, name)
    return `${weights}:${blockSize}${offsets === true ? ':offset' : ''}`
  }
  const names = ['embed', 'block-0.qkv', 'block-0.gate-up', 'block-0.down', 'block-1.qkv', 'block-2.output']
  expect(names.map(named)).toEqual([
    'int8:32',
    'int8:128',
    'int4:32:offset',
    'int8:128',
    'int4:32:offset',
    'int4:32',
  ])
})

test('blocks that are kept give the bits of the dequantised weights', async () => {
  const kept = { start: 1, end: 3 }
  const rows = async (weights: string): Promise<Float32Array> => {
    const device = await devices['reference']!(models[weights]!)
    const pipeline = await loadPipeline(device, [kept.start, kept.end], plentyBytes)
    await pipeline.open('rows', rowCount)
    const found = await pipeline.forward('rows', hidden.subarray(0, 8 * config.hiddenSize))
    await device.close()
    return found
  }
  expect(sameBits(await rows('gguf'), await rows('f32'))).toBe(true)
})

test('only the rounding of inputs lies between the runtime and the floats, and no bit between chunks, cuts and threads', async () => {
  const device = await onnxDevice('gguf')
  const [whole, ...others] = [
    await compute(device, [0, 3], [rowCount]),
    await compute(device, [0, 1, 2, 3], [1, 1, 2, 5, 31]),
    await compute(device, [0, 1, 3], Array<number>(rowCount).fill(1)),
  ] as const
  await device.close()
  const threaded = await onnxDevice('gguf', 2)
  for (const other of [...others, await compute(threaded, [0, 2, 3], [3, 33, 1, 3])])
    expect(sameBits(other, whole)).toBe(true)
  await threaded.close()
  const exact = await onnxDevice('f32')
  const floats = await compute(exact, [0, 3], [rowCount])
  await exact.close()
  const energy = (values: Float32Array): number => values.reduce((sum, value) => sum + value * value, 0)
  const difference = whole.map((value, index) => value - floats[index]!)
  expect(Math.sqrt(energy(difference) / energy(floats))).toBeLessThan(0.02)
})
