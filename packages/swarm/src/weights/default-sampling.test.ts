import { expect, test } from 'vitest'
import { readDefaultSampling } from './default-sampling.ts'

const read = (text: string): ReturnType<typeof readDefaultSampling> =>
  readDefaultSampling(new Map([['generation_config.json', new TextEncoder().encode(text)]]))

test('B48: a file that is not JSON is the fault of the model, by name', () => {
  for (const text of ['', '{', 'NaN', '{"temperature": NaN}'])
    expect(() => read(text)).toThrow(
      expect.objectContaining({
        name: 'ModelError',
        code: 'bad-model',
        message: expect.stringContaining('generation_config.json') as unknown,
      }),
    )
})

test.each(['null', '[]', '5', '{}', '{"temperature":"hot","top_k":-1,"top_p":[],"repetition_penalty":null}'])(
  'values out of range are replaced by defaults: %s',
  (text) => {
    expect(read(text)).toEqual({ temperature: 0.7, topK: 0, topP: 1, repetitionPenalty: 1, seed: 0 })
  },
)

test('B48: what the makers of a model recommend is used', () => {
  expect(read('{"temperature":0.6,"top_k":20.9,"top_p":0.95,"repetition_penalty":1.1}')).toEqual({
    temperature: 0.6,
    topK: 20,
    topP: 0.95,
    repetitionPenalty: 1.1,
    seed: 0,
  })
  expect(read('{"do_sample":false,"temperature":0.6}').temperature).toBe(0)
})
