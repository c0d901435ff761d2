import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sharedData } from '../../testing/shared-data.ts'
import { openModel } from '../model-source.ts'
import { memoryFiles } from '../range-reader.ts'
import { widen } from '../widen.ts'
import { openSafetensors, type CodedTensors } from './safetensors-source.ts'
import { stackedExperts } from './stacked-experts.ts'

const experts = 'model.layers.0.mlp.experts'

test('MXFP4 experts of gpt-oss have the values of the reference, and int8 in blocks of 32 is their format', async ({
  skip,
}) => {
  const path = join(sharedData, '../golden/gpt_oss_mxfp4')
  skip(!existsSync(path), `no ${path}; SHOAL_TEST_DATA names the test data`)
  const read = (name: string): Uint8Array => new Uint8Array(readFileSync(join(path, name)))
  const files = new Map(readdirSync(path).map((name) => [name, read(name)]))
  const source = await openModel(memoryFiles('gpt-oss', files))
  expect(source.preferredWeights).toBe('int8:128+feed-forward-int8:32')
  const reference = await openSafetensors(
    memoryFiles('expected', new Map([['model.safetensors', read('expected.safetensors')]])),
  )
  for (const [part, stacked, first, step] of [
    ['gate', 'gate_up', 0, 2],
    ['up', 'gate_up', 1, 2],
    ['down', 'down', 0, 1],
  ] as const) {
    const name = `${experts}.2.${part}_proj.weight`
    const { shape } = await source.tensors.tensor(name)
    expect(shape).toEqual([64, 64])
    const stored = await source.tensors.readRows(name, 0, 64)
    expect(stored.type).toBe('MXFP4')
    const width = 64 * step
    const expected = widen(await reference.readRows(`${experts}.${stacked}_proj`, 2, 3))
    expect(widen(stored)).toEqual(
      Float32Array.from({ length: 64 * 64 }, (_, index) => {
        const [row, column] = [Math.floor(index / 64), index % 64]
        return expected[column * width + row * step + first] as number
      }),
    )
  }
})

test('floats of all experts in one tensor are transposed, gate and up alternate, and each matrix is read once', async () => {
  const reads: string[] = []
  const codes: CodedTensors = {
    find: async () => null,
    readRows: () => Promise.reject(new Error('there are no codes')),
  }
  const shapes = new Map<string, readonly number[]>([
    // Two inputs, and gate and up of one row each.
    ['mlp.experts.gate_up_proj', [2, 2, 2]],
    ['mlp.experts.gate_up_proj_bias', [2, 2]],
  ])
  const tensors = stackedExperts(
    {
      tensorNames: async () => ['mlp.router.weight', ...shapes.keys()],
      tensor: async (name) => ({ name, type: 'F32', shape: shapes.get(name) ?? [] }),
      readRows: async (name, start) => {
        reads.push(name)
        const count = name.endsWith('bias') ? 2 : 4
        const values = Float32Array.from({ length: count }, (_, index) => 10 * start + index)
        return { type: 'F32', bytes: new Uint8Array(values.buffer) }
      },
    },
    codes,
  )
  const row = async (name: string): Promise<number[]> => [...widen(await tensors.readRows(name, 0, 1))]
  expect(await row('mlp.experts.1.gate_proj.weight')).toEqual([10, 12])
  expect(await row('mlp.experts.1.up_proj.weight')).toEqual([11, 13])
  expect(reads).toEqual(['mlp.experts.gate_up_proj'])
  expect(await row('mlp.experts.1.up_proj.bias')).toEqual([11])
  expect(await tensors.tensorNames()).toEqual(['mlp.router.weight'])
  for (const wrong of [
    tensors.tensor('mlp.experts.2.up_proj.weight'),
    tensors.tensor('mlp.experts.0.down_proj.bias'),
  ])
    await expect(wrong).rejects.toThrow(/holds no/)
  await expect(tensors.readRows('mlp.experts.0.up_proj.weight', 0, 2)).rejects.toThrow(/not inside/)
})
