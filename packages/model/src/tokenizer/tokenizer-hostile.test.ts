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

test.each([
  [
    'lists',
    '{% set ns = namespace(x=[]) %}{% for a in range(9999) %}{% set ns.x = ns.x + [a] + range(9999) | list %}{% endfor %}',
  ],
  [
    'text',
    "{% set ns = namespace(x='abcdefgh') %}{% for a in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
  ],
])('a template that makes %s without end is stopped long before the heap is full', (_what, template) => {
  const files = new Map([...demoAssets, ['chat_template.jinja', utf8(template)]])
  const chat = [{ role: 'user', content: 'Hello' }] as const
  expect(() => createTokenizer(files)!.renderChat(chat)).toThrow(
    expect.objectContaining({ code: 'limit-exceeded', message: expect.stringMatching(/too much memory/) }),
  )
})
