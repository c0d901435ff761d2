import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createMetadata, type Metadata } from '../../sources/gguf/metadata.ts'
import { readGgufHeader } from '../../sources/gguf/header.ts'
import { memoryReader } from '../../sources/range-reader.ts'
import { ggufFile, type GgufTestValue } from '../../testing/gguf-file.ts'
import { sharedData, sharedDataMissing } from '../../testing/shared-data.ts'
import { createTokenizer } from '../tokenizer.ts'
import type { SynchronousTokenizer } from '../tokenizer-types.ts'
import { ggufAssets } from './gguf-assets.ts'

async function metadataOf(file: Uint8Array): Promise<Metadata> {
  return createMetadata((await readGgufHeader(memoryReader(file), 'test.gguf')).metadata)
}
async function tokenizerIn(file: Uint8Array): Promise<SynchronousTokenizer> {
  const tokenizer = createTokenizer(ggufAssets(await metadataOf(file)))
  if (tokenizer === null) throw new Error('no tokenizer')
  return tokenizer
}

describe.skipIf(sharedDataMissing !== null)(
  `vocabularies of published GGUF files${sharedDataMissing === null ? '' : ` (${sharedDataMissing})`}`,
  () => {
    test.each(['phi-3', 'falcon', 'gpt-2', 'starcoder', 'qwen2'])(
      "%s gives the ids of llama.cpp's vectors, and the text back",
      async (name) => {
        const path = join(sharedData, 'gguf-vocab', `ggml-vocab-${name}.gguf`)
        const tokenizer = await tokenizerIn(new Uint8Array(readFileSync(path)))
        const texts = readFileSync(`${path}.inp`, 'utf8').split('\n__ggml_vocab_test__\n')
        const lines = readFileSync(`${path}.out`, 'utf8').split('\n')
        expect(texts.length).toBe(47)
        for (const [index, text] of texts.entries()) {
          const ids = tokenizer.encode(text, { addSpecialTokens: false })
          const expected = (lines[index] ?? '').split(' ').filter((id) => id !== '')
          expect(ids, JSON.stringify(text)).toEqual(expected.map(Number))
          expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(text)
        }
      },
    )
  },
)

test('a SentencePiece vocabulary: best scores first, bytes for what has no piece, BOS before the text', async () => {
  const file = new Uint8Array(
    readFileSync(new URL('../../../../../test/gguf/stories260K-Q4_0.gguf', import.meta.url)),
  )
  const tokenizer = await tokenizerIn(file)
  const text = 'Once upon a time, there was a little girl named Lily.'
  const ids = tokenizer.encode(text)
  expect(ids.slice(0, 9)).toEqual([1, 403, 407, 261, 378, 432, 383, 286, 261])
  expect(tokenizer.decode(ids)).toBe(text)
  const llama = tokenizer.encode('🦙', { addSpecialTokens: false })
  expect(llama.slice(-4)).toEqual([0xf0, 0x9f, 0xa6, 0x99].map((byte) => byte + 3))
  expect(tokenizer.decode(llama)).toBe('🦙')
})

const byteLevel = (...others: (readonly [string, GgufTestValue])[]) =>
  ggufFile({
    metadata: [
      ['tokenizer.ggml.model', 'gpt2'],
      ['tokenizer.ggml.tokens', ['a', 'b', 'ab', '<|im_end|>', '<tool>']],
      ['tokenizer.ggml.token_type', [1, 1, 1, 3, 4]],
      ['tokenizer.ggml.merges', ['a b']],
      ...others,
    ],
  })

test('control tokens are left out of answers, user-defined ones are kept; the template comes from the file', async () => {
  const tokenizer = await tokenizerIn(
    byteLevel(
      ['tokenizer.ggml.pre', 'gpt-2'],
      ['tokenizer.ggml.eos_token_id', 3],
      ['tokenizer.chat_template', '{{ messages[0].content }}{{ eos_token }}'],
    ),
  )
  expect(tokenizer.encode('ab<tool>b<|im_end|>')).toEqual([2, 4, 1, 3])
  expect(tokenizer.decode([2, 4, 1, 3])).toBe('ab<tool>b')
  expect(tokenizer.renderChat([{ role: 'user', content: 'ab' }])).toBe('ab<|im_end|>')
})

test.each<[string, Uint8Array, string, RegExp]>([
  ['another kind', ggufFile({ metadata: [['tokenizer.ggml.model', 'bert']] }), 'bad-model', /has no tokens/],
  [
    'WordPiece',
    ggufFile({
      metadata: [
        ['tokenizer.ggml.model', 'bert'],
        ['tokenizer.ggml.tokens', ['a']],
      ],
    }),
    'unsupported-model',
    /kind "bert" are not supported/,
  ],
  ['splits without a name', byteLevel(), 'unsupported-model', /splits texts as null/],
  ['unknown splits', byteLevel(['tokenizer.ggml.pre', 'poro-chat']), 'unsupported-model', /"poro-chat"/],
  [
    'tokens without scores',
    ggufFile({
      metadata: [
        ['tokenizer.ggml.model', 'llama'],
        ['tokenizer.ggml.tokens', ['a']],
      ],
    }),
    'bad-model',
    /no score for each/,
  ],
  [
    'pieces whose pairs would take minutes to look up',
    ggufFile({
      metadata: [
        ['tokenizer.ggml.model', 'llama'],
        ['tokenizer.ggml.tokens', Array.from({ length: 5000 }, () => 'a'.repeat(256))],
        ['tokenizer.ggml.scores', Array.from({ length: 5000 }, () => 0)],
      ],
    }),
    'limit-exceeded',
    /too long/,
  ],
])('refused: %s', async (_, file, code, message) => {
  const metadata = await metadataOf(file)
  expect(() => ggufAssets(metadata)).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  )
})

test('a file without a tokenizer has no assets', async () => {
  expect(ggufAssets(await metadataOf(ggufFile({ metadata: [['general.name', 'x']] }))).size).toBe(0)
})
