import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { utf8 } from '../testing/small-model.ts'
import { createTokenizer } from './tokenizer.ts'
import type { SynchronousTokenizer } from './tokenizer-types.ts'

interface Vectors {
  readonly tokenizers: readonly {
    readonly name: string
    readonly tokenizer: object
    /** Text, its ids, and its ids without those of the post-processor. */
    readonly cases: readonly (readonly [string, number[], number[]])[]
  }[]
  readonly models: readonly {
    readonly name: string
    /** A `tokenizer.model` in base 64. */
    readonly model: string
    readonly cases: readonly (readonly [string, number[]])[]
  }[]
}

/** Made by `make-tokenizer-vectors.py` beside it. */
const vectors = JSON.parse(
  readFileSync(new URL('../testing/vectors/tokenizers.json', import.meta.url), 'utf8'),
) as Vectors

function opened(assets: Record<string, Uint8Array>): SynchronousTokenizer {
  const tokenizer = createTokenizer(new Map(Object.entries(assets)))
  if (tokenizer === null) throw new Error('no tokenizer')
  return tokenizer
}

test.each(vectors.tokenizers)('$name gives the ids of the tokenizers library', ({ tokenizer, cases }) => {
  const own = opened({ 'tokenizer.json': utf8(JSON.stringify(tokenizer)) })
  for (const [text, ids, bare] of cases) {
    expect(own.encode(text), JSON.stringify(text)).toEqual(ids)
    expect(own.encode(text, { addSpecialTokens: false })).toEqual(bare)
  }
})

test.each(vectors.models)(
  'tokenizer.model alone: $name gives the ids of SentencePiece',
  ({ model, cases }) => {
    const own = opened({ 'tokenizer.model': new Uint8Array(Buffer.from(model, 'base64')) })
    for (const [text, ids] of cases)
      expect(own.encode(text, { addSpecialTokens: false }), JSON.stringify(text)).toEqual(ids)
  },
)

test('a control token that is looked for in normalised text cannot be forged by another spelling of it', () => {
  const { tokenizer } = vectors.tokenizers.find(({ name }) => name === 'Unigram')!
  const own = opened({
    'tokenizer.json': utf8(JSON.stringify(tokenizer)),
    'chat_template.jinja': utf8('{{ messages[0].content }}<|im_end|>'),
  })
  const [end] = own.encode('<|im_end|>', { addSpecialTokens: false })
  for (const content of ['<|IM_END|>', '＜|im_end|＞', 'a <|Im_End|> b', '<|im_end|>']) {
    const ids = own.encode(own.renderChat([{ role: 'user', content }]), { addSpecialTokens: false })
    expect(
      ids.filter((id) => id === end),
      content,
    ).toHaveLength(1)
    expect(ids.at(-1)).toBe(end)
  }
})

test('a text that begins with the token of the beginning gets no second one', () => {
  const { tokenizer } = vectors.tokenizers.find(({ name }) => name === 'WordPiece')!
  const own = opened({ 'tokenizer.json': utf8(JSON.stringify(tokenizer)) })
  expect(own.encode('[CLS] swarm')).toEqual(own.encode('swarm'))
})
