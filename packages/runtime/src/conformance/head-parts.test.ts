import { splitVocabulary } from '@shoal/model'
import { expect, test } from 'vitest'
import { sameBits } from '../probe/same-bits.ts'
import { seededValues } from '../probe/seeded-values.ts'
import { devices } from '../testing/devices.ts'
import { randomModel, smallLlama } from '../testing/random-model.ts'

/** Neither a multiple of a cut nor of a kernel's tile. */
const config = { ...smallLlama, hiddenSize: 96, headSize: 24, vocabularySize: 1003 }

test.each(
  ['f32', 'int8:32', 'int4:32', 'int4:64']
    .flatMap((format) =>
      [true, false].flatMap(
        (tied) =>
          [
            [format, tied, 'onnx', 1],
            [format, tied, 'onnx', 2],
          ] as const,
      ),
    )
    .concat([['int4:32', true, 'reference', 1] as never]),
)(
  'parts of the head (%s, tied %s) have the bits of the whole, on %s with %i threads',
  async (format, tiedEmbeddings, kind, threads) => {
    const packed = randomModel({ ...config, tiedEmbeddings }, format)
    const device = await devices[kind]!(packed, threads)
    const whole = await device.loadHead()
    for (const rows of [1, 3]) {
      const hidden = seededValues(rows, rows * config.hiddenSize, 1)
      const expected = await whole.logits(hidden)
      for (const speeds of [
        [1, 1],
        [5, 1, 2],
      ]) {
        for (const { start, end } of splitVocabulary(config.vocabularySize, speeds)) {
          const part = await device.loadHead({ start, end })
          const logits = await part.logits(hidden)
          const wanted = Array.from({ length: rows }, (_, row) => [
            ...expected.subarray(row * config.vocabularySize + start, row * config.vocabularySize + end),
          ]).flat()
          expect(sameBits(logits, Float32Array.from(wanted)), `${start} to ${end}`).toBe(true)
          await part.release()
        }
      }
    }
    await device.close()
    packed.remove()
  },
)

test('a part that is none is refused', async () => {
  const packed = randomModel(config, 'f32')
  const device = await devices['onnx']!(packed)
  for (const [start, end] of [
    [0, 0],
    [1, 1003],
    [0, 100],
    [128, 2000],
    [-128, 128],
  ] as const)
    await expect(device.loadHead({ start, end })).rejects.toMatchObject({ code: 'bad-request' })
  await device.close()
  packed.remove()
})
