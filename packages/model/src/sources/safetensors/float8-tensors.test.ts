import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ModelError } from '../../error.ts'
import { safetensorsFile, smallConfigJson, utf8 } from '../../testing/small-model.ts'
import { sharedData } from '../../testing/shared-data.ts'
import { openModel } from '../model-source.ts'
import { memoryFiles } from '../range-reader.ts'
import { widen } from '../widen.ts'
import { float8Values } from './float8.ts'
import { openSafetensors } from './safetensors-source.ts'

const name = 'model.layers.0.self_attn.q_proj.weight'

/** A model whose only tensor is a matrix of 8-bit floats with its scales. @param tile of the config; null for none */
async function openCodes(
  codes: readonly number[],
  shape: readonly number[],
  scales: readonly number[],
  scaleShape: readonly number[],
  tile: readonly number[] | null,
) {
  const data = new Uint8Array(codes.length + 4 * scales.length)
  data.set(codes)
  data.set(new Uint8Array(Float32Array.from(scales).buffer), codes.length)
  const entry = (dtype: string, of: readonly number[], from: number, to: number) => ({
    dtype,
    shape: of,
    data_offsets: [from, to],
  })
  const header = {
    [name]: entry('F8_E4M3', shape, 0, codes.length),
    [`${name}_scale_inv`]: entry('F32', scaleShape, codes.length, data.length),
  }
  const config = {
    ...smallConfigJson,
    quantization_config: { quant_method: 'fp8', weight_block_size: tile },
  }
  const files = new Map([
    ['config.json', utf8(JSON.stringify(config))],
    ['model.safetensors', safetensorsFile(header, data)],
  ])
  return openModel(memoryFiles('fp8', files))
}

test('the values of 8-bit floats', () => {
  const at = (code: number): number => float8Values[code] as number
  expect([0x00, 0x01, 0x07, 0x08, 0x38, 0x39, 0x7e, 0xb8, 0xfe].map(at)).toEqual([
    0,
    2 ** -9,
    7 * 2 ** -9,
    2 ** -6,
    1,
    1.125,
    448,
    -1,
    -448,
  ])
  expect([0x7f, 0xff].map(at)).toEqual([Number.NaN, Number.NaN])
})

test('each value is multiplied by the scale of its tile, partial tiles at the ends included', async () => {
  // Three rows of three ones, in tiles of two by two.
  const source = await openCodes(Array(9).fill(0x38), [3, 3], [1, 2, 3, 4], [2, 2], [2, 2])
  expect(await source.tensors.tensor(name)).toMatchObject({ type: 'F32', shape: [3, 3] })
  expect([...widen(await source.tensors.readRows(name, 0, 3))]).toEqual([1, 1, 2, 1, 1, 2, 3, 3, 4])
  expect([...widen(await source.tensors.readRows(name, 1, 2))]).toEqual([1, 1, 2])
  expect(await source.tensors.tensorNames()).toEqual([name])
})

test('without tiles a matrix has one scale, which may have no dimension', async () => {
  const source = await openCodes([0x38, 0x40], [1, 2], [0.5], [], null)
  expect([...widen(await source.tensors.readRows(name, 0, 1))]).toEqual([0.5, 1])
})

test.each<[string, readonly number[], readonly number[], readonly number[] | null]>([
  ['too few scales', [1], [1, 1], [2, 2]],
  ['scales of another shape', [1, 1, 1, 1], [4, 1], [2, 2]],
  ['several scales for a matrix', [1, 1], [2], null],
])('refused: %s', async (_, scales, shape, tile) => {
  const source = await openCodes(Array(9).fill(0x38), [3, 3], scales, shape, tile)
  await expect(source.tensors.tensor(name)).rejects.toThrow(/not one scale for each/)
})

const rowsOfFloats = {
  quant_method: 'compressed-tensors',
  format: 'float-quantized',
  config_groups: { group_0: { weights: { num_bits: 8, type: 'float', strategy: 'channel' } } },
  ignore: ['lm_head'],
}

/** A matrix of two rows of two ones with these scales, and a scale for its inputs. */
function openRows(
  scales: readonly number[],
  shape: readonly number[],
  config: object,
  more: readonly (readonly [string, unknown])[] = [],
) {
  const end = 4 + 4 * scales.length
  const data = new Uint8Array(end + 4)
  data.set([0x38, 0x38, 0x38, 0x38])
  data.set(new Uint8Array(Float32Array.from(scales).buffer), 4)
  const header = {
    [name]: { dtype: 'F8_E4M3', shape: [2, 2], data_offsets: [0, 4] },
    [`${name}_scale`]: { dtype: 'F32', shape, data_offsets: [4, end] },
    [name.replace('weight', 'input_scale')]: { dtype: 'F32', shape: [], data_offsets: [end, end + 4] },
  }
  const files = new Map([
    ['config.json', utf8(JSON.stringify({ ...smallConfigJson, ...config }))],
    ['model.safetensors', safetensorsFile(header, data)],
    ...more.map(([file, json]) => [file, utf8(JSON.stringify(json))] as const),
  ])
  return openModel(memoryFiles('fp8', files))
}

test.each<[string, readonly number[], readonly number[], object, readonly (readonly [string, unknown])[]]>([
  ['compressed-tensors, a scale for each row', [0.5, 2], [2, 1], { quantization_config: rowsOfFloats }, []],
  [
    'Model Optimizer, a scale for the matrix',
    [0.5],
    [],
    {},
    [['hf_quant_config.json', { quantization: { quant_algo: 'FP8', kv_cache_quant_algo: 'FP8' } }]],
  ],
  [
    'Model Optimizer, named in config.json',
    [0.5],
    [1],
    { quantization_config: { quant_method: 'modelopt', quant_algo: 'FP8' } },
    [],
  ],
])('%s', async (_, scales, shape, config, more) => {
  const source = await openRows(scales, shape, config, more)
  const [first = 1, second = first] = scales
  expect(await source.tensors.tensor(name)).toMatchObject({ type: 'F32', shape: [2, 2] })
  expect([...widen(await source.tensors.readRows(name, 0, 2))]).toEqual([first, first, second, second])
  expect([...widen(await source.tensors.readRows(name, 1, 2))]).toEqual([second, second])
  expect(await source.tensors.tensorNames()).toEqual([name])
})

test('other layouts of 8-bit floats are refused: scales that do not fit from the file, other kinds from the config', async () => {
  const source = await openRows([1, 1, 1], [3, 1], { quantization_config: rowsOfFloats })
  await expect(source.tensors.tensor(name)).rejects.toThrow(/not one scale for each row of \[2, 2\]/)
  const tiles = { group_0: { weights: { num_bits: 8, type: 'float', strategy: 'block' } } }
  for (const change of [{ config_groups: tiles }, { format: 'pack-quantized' }, { config_groups: {} }])
    await expect(openRows([1], [1], { quantization_config: { ...rowsOfFloats, ...change } })).rejects.toThrow(
      /already quantised \("compressed-tensors"\)/,
    )
  await expect(
    openRows([1], [1], { quantization_config: { quant_method: 'modelopt', quant_algo: 'NVFP4' } }),
  ).rejects.toThrow(/already quantised \("NVFP4"\)/)
})

test('8-bit floats that the config does not announce are refused, and not read without their scales', async () => {
  const file = safetensorsFile(
    { [name]: { dtype: 'F8_E4M3', shape: [1, 1], data_offsets: [0, 1] } },
    new Uint8Array(1),
  )
  const files = new Map([
    ['config.json', utf8(JSON.stringify(smallConfigJson))],
    ['model.safetensors', file],
  ])
  const source = await openModel(memoryFiles('fp8', files))
  await expect(source.tensors.tensor(name)).rejects.toThrow(ModelError)
})

/** Checkpoints of one model in many dtypes, with the float32 values that the reference gives them. */
const dtypes = join(sharedData, 'dtypes')

test.for(['f64', 'mixed', 'fp8_llama', 'fp8_llama_scale_f32', 'fp8_qwen3'])(
  '%s: tensors have the float32 values of the reference',
  async (folder, { skip }) => {
    const path = join(dtypes, folder)
    skip(!existsSync(path), `no ${path}; SHOAL_TEST_DATA names the test data`)
    const filesIn = (names: readonly string[], rename = (one: string): string => one) =>
      memoryFiles(
        folder,
        new Map(names.map((one) => [rename(one), new Uint8Array(readFileSync(join(path, one)))])),
      )
    const source = await openModel(filesIn(readdirSync(path)))
    const expected = await openSafetensors(filesIn(['expected.safetensors'], () => 'model.safetensors'))
    const names = await expected.tensorNames()
    expect(names.length).toBeGreaterThan(3)
    for (const one of names) {
      const { shape } = await expected.tensor(one)
      expect((await source.tensors.tensor(one)).shape).toEqual(shape)
      const rows = shape[0] ?? 1
      expect(widen(await source.tensors.readRows(one, 0, rows))).toEqual(
        widen(await expected.readRows(one, 0, rows)),
      )
    }
  },
)
