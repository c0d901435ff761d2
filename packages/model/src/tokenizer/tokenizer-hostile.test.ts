import { join } from 'node:path'
import { expect, test } from 'vitest'
import { assetsOf, demoFolder } from '../testing/shared-data.ts'
import { utf8 } from '../testing/small-model.ts'
import { createTokenizer } from './tokenizer.ts'
import type { SynchronousTokenizer } from './tokenizer-types.ts'

const demoAssets = assetsOf(join(demoFolder, 'model'))

const changedDemo = (change: object): SynchronousTokenizer =>
  createTokenizer(
    new Map([
      ...demoAssets,
      [
        'tokenizer.json',
        utf8(
          JSON.stringify({
            ...(JSON.parse(new TextDecoder().decode(demoAssets.get('tokenizer.json'))) as object),
            ...change,
          }),
        ),
      ],
    ]),
  )!

test.each([
  ['TemplateProcessing', { type: 'TemplateProcessing' }],
  ['BertProcessing', { type: 'BertProcessing' }],
])('a broken %s section is the fault of the model', (_name, section) => {
  expect(() => changedDemo({ post_processor: section })).toThrow(
    expect.objectContaining({ name: 'ModelError', code: 'bad-model' }),
  )
})

test.each([
  ['an empty text', ''],
  ['a text by a longer one', 'a'],
])('a decoder that replaces %s is refused: its steps would multiply', (_name, pattern) => {
  const step = { type: 'Replace', pattern: { String: pattern }, content: 'aaaaaaaaaa' }
  expect(() =>
    changedDemo({ decoder: { type: 'Sequence', decoders: Array.from({ length: 12 }, () => step) } }),
  ).toThrow(expect.objectContaining({ name: 'ModelError', code: 'unsupported-model' }))
})
