import { createMemoryBudget } from '@shoal/host'
import { parseProfile, type Manifest } from '@shoal/model'
import { describe, expect, test } from 'vitest'
import { devices } from './testing/devices.ts'
import { randomModel, smallLlama } from './testing/random-model.ts'

const packed = randomModel(smallLlama, 'int4:32')
packed.remove()
const { manifest } = packed.manifest

const refusals: readonly (readonly [string, Manifest, string, RegExp])[] = [
  [
    'a family without a graph',
    { ...manifest, config: { ...smallLlama, family: 'mamba' } },
    'unsupported-model',
    /family mamba; these are: .*llama/,
  ],
  [
    'heads of odd size',
    { ...manifest, config: { ...smallLlama, headSize: 12 } },
    'unsupported-model',
    /head size 12/,
  ],
  ['a missing tensor', { ...manifest, tensors: manifest.tensors.slice(1) }, 'bad-model', /embed\.weight/],
  [
    'shapes that the config denies',
    { ...manifest, config: { ...smallLlama, hiddenSize: 128 } },
    'bad-model',
    /should be u8 \[64, 4, 16\]/,
  ],
  [
    'another format than the profile',
    { ...manifest, profile: parseProfile('int8:32') },
    'bad-model',
    /embed\.weight should be/,
  ],
]

describe.each(Object.keys(devices))('%s device', (kind) => {
  test.each(refusals)('refuses %s', async (_, given, code, message) => {
    const creating = devices[kind]!({ ...packed, manifest: { ...packed.manifest, manifest: given } })
    await expect(creating).rejects.toMatchObject({ code, message: expect.stringMatching(message) as unknown })
  })

  test('refuses ranges that the model does not have', async () => {
    const model = randomModel(smallLlama, 'f32')
    const device = await devices[kind]!(model)
    for (const [start, end] of [
      [0, 3],
      [1, 1],
      [-1, 1],
      [0.5, 1],
    ] as const) {
      await expect(
        device.loadBlocks({ start, end }, { memory: createMemoryBudget(1e9) }),
      ).rejects.toMatchObject({
        code: 'wrong-range',
      })
    }
    await expect(
      device.loadBlocks({ start: 0, end: 2 }, { memory: createMemoryBudget(1000) }),
    ).rejects.toMatchObject({
      code: 'no-capacity',
    })
    await expect(
      device.loadBlocks(
        { start: 0, end: 2 },
        { memory: createMemoryBudget(1e9), signal: AbortSignal.abort(new Error('changed my mind')) },
      ),
    ).rejects.toThrow('changed my mind')
    await device.close()
    model.remove()
  })
})
