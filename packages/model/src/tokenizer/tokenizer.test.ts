import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { assetsOf, demoFolder } from '../testing/shared-data.ts'
import { utf8 } from '../testing/small-model.ts'
import { createTokenizer } from './tokenizer.ts'
import type { SynchronousTokenizer } from './tokenizer-types.ts'

function tokenizerOf(assets: ReadonlyMap<string, Uint8Array>): SynchronousTokenizer {
  const tokenizer = createTokenizer(assets)
  if (tokenizer === null) throw new Error('no tokenizer')
  return tokenizer
}

const demoAssets = assetsOf(join(demoFolder, 'model'))
const demo = tokenizerOf(demoAssets)

function streamed(
  tokenizer: SynchronousTokenizer,
  ids: readonly number[],
): { text: string; pieces: string[] } {
  const stream = tokenizer.stream()
  const pieces = [...ids.map((id) => stream.push(id)), stream.flush()]
  return { text: pieces.join(''), pieces }
}

test('every vector of the demo model: text to ids and back', () => {
  const lines = readFileSync(join(demoFolder, 'eval/tokenizer_vectors.jsonl'), 'utf8').trim().split('\n')
  expect(lines.length).toBe(197)
  for (const line of lines) {
    const { text, ids } = JSON.parse(line) as { text: string; ids: number[] }
    expect(demo.encode(text, { addSpecialTokens: false })).toEqual(ids)
    expect(demo.decode(ids, { skipSpecialTokens: false })).toBe(text)
  }
})

test('the chat template gives the prompt ids of golden.json, and its answers decode', () => {
  const { cases } = JSON.parse(readFileSync(join(demoFolder, 'golden.json'), 'utf8')) as {
    cases: { prompt: string; prompt_ids: number[]; greedy_ids: number[]; answer: string }[]
  }
  expect(cases.length).toBeGreaterThan(0)
  for (const { prompt, prompt_ids, greedy_ids, answer } of cases) {
    const rendered = demo.renderChat([{ role: 'user', content: prompt }])
    expect(demo.encode(rendered, { addSpecialTokens: false })).toEqual(prompt_ids)
    const end = greedy_ids.indexOf(2)
    const text = demo.decode(end < 0 ? greedy_ids : greedy_ids.slice(0, end))
    expect(end < 0 ? answer.startsWith(text) : text === answer).toBe(true)
  }
})

test('any text is the same after encoding and decoding, whole and streamed', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      fc.pre(text.isWellFormed())
      const ids = demo.encode(text, { addSpecialTokens: false })
      expect(demo.decode(ids)).toBe(text)
      expect(streamed(demo, ids).text).toBe(text)
    }),
  )
})

test('any ids: a stream gives what a whole decode gives, and never half a character', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(demo.vocabularySize + 5), { maxLength: 60 }), (ids) => {
      const { text, pieces } = streamed(demo, ids)
      expect(text).toBe(demo.decode(ids))
      for (const piece of pieces) expect(piece.isWellFormed()).toBe(true)
    }),
  )
})

test('a character of several tokens appears with its last byte', () => {
  const ids = demo.encode('a🦙b', { addSpecialTokens: false })
  expect(ids.length).toBe(6)
  expect(streamed(demo, ids).pieces).toEqual(['a', '', '', '', '🦙', 'b', ''])
  expect(streamed(demo, ids.slice(0, 3)).text).toBe('a\ufffd')
})

test('special tokens are left out of a stream, and kept on demand', () => {
  const ids = demo.encode('<|im_start|>hi<|im_end|>', { addSpecialTokens: false })
  expect(ids[0]).toBe(1)
  expect(demo.decode(ids)).toBe('hi')
  expect(demo.decode(ids, { skipSpecialTokens: false })).toBe('<|im_start|>hi<|im_end|>')
  expect(demo.encode('', { addSpecialTokens: false })).toEqual([])
})

test('streaming is linear: a token costs the same after 100,000 others', () => {
  const stream = demo.stream()
  const ids = demo.encode('once upon a time ', { addSpecialTokens: false })
  let characters = 0
  for (let index = 0; index < 100_000; index++) characters += stream.push(ids[index % ids.length] ?? 0).length
  expect(characters).toBeGreaterThan(200_000)
})

test('a model without tokenizer files has no tokenizer', () => {
  expect(createTokenizer(new Map())).toBeNull()
  expect(createTokenizer(new Map([['tokenizer_config.json', utf8('{}')]]))).toBeNull()
  expect(createTokenizer(new Map([['vocab.json', utf8('{}')]]))).toBeNull()
})

/** SentencePiece style with byte fallback, as Llama 2 and Phi-3 have it. */
const sentencePiece = {
  added_tokens: [
    {
      id: 0,
      content: '<s>',
      special: true,
      normalized: false,
      single_word: false,
      lstrip: false,
      rstrip: false,
    },
  ],
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: '▁' },
      { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    ],
  },
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [],
    special_tokens: { '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] } },
  },
  decoder: {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ],
  },
  model: {
    type: 'BPE',
    byte_fallback: true,
    unk_token: null,
    vocab: Object.fromEntries(
      [
        '<s>',
        '▁',
        'a',
        'b',
        '▁a',
        ...Array.from(
          { length: 256 },
          (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
        ),
      ].map((token, id) => [token, id]),
    ),
    merges: ['▁ a'],
  },
}
const json = (value: unknown): Map<string, Uint8Array> =>
  new Map([['tokenizer.json', utf8(JSON.stringify(value))]])

test('SentencePiece style: bytes fall back, the space put before the text goes away', () => {
  const tokenizer = tokenizerOf(json(sentencePiece))
  expect(tokenizer.encode('a b')).toEqual([0, 4, 1, 3])
  expect(tokenizer.encode('a b', { addSpecialTokens: false })).toEqual([4, 1, 3])
  for (const text of ['a b', ' a', 'bé🦙a', 'ab']) {
    const ids = tokenizer.encode(text)
    expect(tokenizer.decode(ids)).toBe(text)
    expect(streamed(tokenizer, ids).text).toBe(text)
  }
  const bytes = (...values: number[]): number[] => values.map((value) => value + 5)
  expect(streamed(tokenizer, [...bytes(0xf0, 0x9f), 2, ...bytes(0xa6)]).text).toBe('\ufffda\ufffd')
})

test.each<[string, Map<string, Uint8Array>, string, RegExp]>([
  [
    'tokenizer.json that is not JSON',
    new Map([['tokenizer.json', utf8('{')]]),
    'bad-model',
    /not valid JSON/,
  ],
  ['no model', json({}), 'bad-model', /the model section/],
  [
    'no vocabulary',
    json({ ...sentencePiece, model: { type: 'BPE', merges: [] } }),
    'bad-model',
    /the vocabulary/,
  ],
  [
    'merges that are a text',
    json({ ...sentencePiece, model: { ...sentencePiece.model, merges: 'a b' } }),
    'bad-model',
    /merges of tokenizer.json are no list/,
  ],
  [
    'a huge id',
    json({ ...sentencePiece, model: { ...sentencePiece.model, vocab: { a: 4e9 } } }),
    'bad-model',
    /a token id/,
  ],
  [
    'a huge added id',
    json({ ...sentencePiece, added_tokens: [{ id: 4e9, content: 'x' }] }),
    'bad-model',
    /added token/,
  ],
  [
    'an empty added token',
    json({ ...sentencePiece, added_tokens: [{ id: 1, content: '' }] }),
    'bad-model',
    /added token/,
  ],
  ['an unknown decoder', json({ ...sentencePiece, decoder: { type: 'CTC' } }), 'unsupported-model', /CTC/],
  [
    'an unknown model',
    json({ ...sentencePiece, model: { ...sentencePiece.model, type: 'Quantum' } }),
    'unsupported-model',
    /Quantum/,
  ],
  [
    'vocab.json of an unknown class',
    new Map([
      ['vocab.json', utf8('{"a":0}')],
      ['merges.txt', utf8('')],
    ]),
    'unsupported-model',
    /tokenizer_class missing cannot be assembled/,
  ],
  [
    'merges that are none',
    new Map([
      ['vocab.json', utf8('{"a":0}')],
      ['merges.txt', utf8('a b c')],
      ['tokenizer_config.json', utf8('{"tokenizer_class":"GPT2Tokenizer"}')],
    ]),
    'bad-model',
    /"a b c"/,
  ],
])('refused: %s', (_, assets, code, message) => {
  expect(() => createTokenizer(assets)).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  )
})

function chatWith(template: unknown): SynchronousTokenizer {
  const config = JSON.stringify({ bos_token: { content: '<s>' }, chat_template: template })
  return tokenizerOf(new Map([...demoAssets, ['tokenizer_config.json', utf8(config)]]))
}
const hello = [{ role: 'user', content: 'Hello' }] as const

test('templates: a text, a list with a default, a file that wins', () => {
  const template =
    '{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}>{% endif %}'
  expect(chatWith(template).renderChat(hello)).toBe('<s>[user]Hello>')
  expect(
    chatWith([
      { name: 'tool_use', template: 'no' },
      { name: 'default', template },
    ]).renderChat(hello),
  ).toBe('<s>[user]Hello>')
  expect(
    tokenizerOf(
      new Map([...demoAssets, ['chat_template.jinja', utf8('{{ messages[0].content }}!')]]),
    ).renderChat(hello),
  ).toBe('Hello!')
})

test('a template gets the date from its caller, or none', () => {
  const template =
    "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% else %}no date{% endif %}"
  const assets = new Map([...demoAssets, ['chat_template.jinja', utf8(template)]])
  expect(createTokenizer(assets)?.renderChat(hello)).toBe('no date')
  expect(createTokenizer(assets, { wallMs: () => Date.UTC(2026, 10, 5) })?.renderChat(hello)).toBe(
    '05 Nov 2026',
  )
})

test.each<[string, string, boolean, RegExp]>([
  ['a template that refuses', "{{ raise_exception('roles must alternate') }}", true, /roles must alternate/],
  ['a template that cannot be parsed', '{% for %}', false, /cannot be parsed/],
  [
    'a template that asks for a huge list',
    '{% for i in range(1000000000) %}x{% endfor %}',
    true,
    /range of 1000000000/,
  ],
  ['a template without end', 'x'.repeat((1 << 18) + 1), false, /characters, more than/],
])('a chat is refused: %s', (_, template, chat, message) => {
  const tokenizer = chatWith(template)
  expect(tokenizer.chat).toBe(chat)
  expect(() => tokenizer.renderChat(hello)).toThrow(
    expect.objectContaining({ code: 'bad-request', message: expect.stringMatching(message) }),
  )
})

test('a model without a template completes raw prompts only', () => {
  const tokenizer = tokenizerOf(json(sentencePiece))
  expect(tokenizer.chat).toBe(false)
  expect(() => tokenizer.renderChat(hello)).toThrow(/no chat template/)
})
