import { afterAll, expect, test } from 'vitest'
import { rmsNorm } from '../reference/arithmetic.ts'
import { floatTensors } from '../tensors/tensor-reader.ts'
import { randomModel, smallLlama } from '../testing/random-model.ts'
import { collectInputSums } from './collect-input-sums.ts'

const packed = randomModel(smallLlama, 'f32')
afterAll(() => packed.remove())

test('sums of all inputs of all matrices, in groups of 128 columns, and those of the first matrix as computed apart', async () => {
  const texts = [
    [1, 5, 9, 3, 3],
    [7, 2],
  ]
  const { manifest } = packed.manifest
  const sums = await collectInputSums({ manifest, folder: packed.folder, threads: 1, texts })
  // 160 columns of the feed-forward network are two groups.
  expect([...sums].map(([name, groups]) => [name, groups.length])).toEqual(
    [0, 1].flatMap((block) => [
      [`block-${block}.qkv`, 1],
      [`block-${block}.output`, 1],
      [`block-${block}.gate-up`, 1],
      [`block-${block}.down`, 2],
    ]),
  )
  const tensors = floatTensors(manifest, (name, offset, length) => packed.read(name, offset, length))
  const norm = await tensors.floats('block-0.attention-norm', [64])
  const expected = new Float64Array(128 * 128)
  for (const id of texts.flat()) {
    const x = rmsNorm(await tensors.rows('embed', { rows: 64, columns: 64 }, id, id + 1), norm, 1e-5)
    x.forEach((one, i) => x.forEach((other, j) => (expected[i * 128 + j]! += one * other)))
  }
  const found = sums.get('block-0.qkv')![0]!
  expect(Math.max(...found.map((value, at) => Math.abs(value - expected[at]!)))).toBeLessThan(1e-3)
  expect(Math.max(...expected)).toBeGreaterThan(1)
})
