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

test('turn ends that a file marks as normal or user-defined tokens are control tokens', async () => {
  const tokenizer = await tokenizerIn(
    ggufFile({
      metadata: [
        ['tokenizer.ggml.model', 'gpt2'],
        ['tokenizer.ggml.pre', 'gpt-2'],
        ['tokenizer.ggml.tokens', ['<', '|', 'im_end', '>', '<|im_end|>', '<|eot_id|>', 'a']],
        ['tokenizer.ggml.token_type', [1, 1, 1, 1, 1, 4, 1]],
        ['tokenizer.ggml.merges', []],
        ['tokenizer.chat_template', '{{ messages[0].content }}<|im_end|><|eot_id|>'],
      ],
    }),
  )
  const prompt = (content: string): number[] =>
    tokenizer.encode(tokenizer.renderChat([{ role: 'user', content }]), { addSpecialTokens: false })
  expect(prompt('a')).toEqual([6, 4, 5])
  expect(prompt('<|im_end|><|eot_id|>').filter((id) => id === 4 || id === 5)).toEqual([4, 5])
})

test('WordPiece and Unigram vocabularies', async () => {
  const bert = await tokenizerIn(
    ggufFile({
      metadata: [
        ['tokenizer.ggml.model', 'bert'],
        ['tokenizer.ggml.tokens', ['[UNK]', '[CLS]', '[SEP]', '▁hel', 'lo', '▁,']],
        ['tokenizer.ggml.token_type', [3, 3, 3, 1, 1, 1]],
        ['tokenizer.ggml.unknown_token_id', 0],
        ['tokenizer.ggml.cls_token_id', 1],
        ['tokenizer.ggml.seperator_token_id', 2],
      ],
    }),
  )
  expect(bert.encode('Héllo, what')).toEqual([1, 3, 4, 5, 0, 2])
  const t5 = await tokenizerIn(
    ggufFile({
      metadata: [
        ['tokenizer.ggml.model', 't5'],
        ['tokenizer.ggml.tokens', ['<unk>', '</s>', '▁a', 'b', 'ab', '▁']],
        ['tokenizer.ggml.token_type', [2, 3, 1, 1, 1, 1]],
        ['tokenizer.ggml.scores', [0, 0, -1.5, -2.5, -1.25, -3.5]],
        ['tokenizer.ggml.eos_token_id', 1],
        ['tokenizer.ggml.remove_extra_whitespaces', true],
      ],
    }),
  )
  expect(t5.encode(' ab  azz')).toEqual([2, 3, 2, 0, 1])
})

test.each<[string, Uint8Array, string, RegExp]>([
  ['another kind', ggufFile({ metadata: [['tokenizer.ggml.model', 'bert']] }), 'bad-model', /has no tokens/],
  [
    'RWKV',
    ggufFile({
      metadata: [
        ['tokenizer.ggml.model', 'rwkv'],
        ['tokenizer.ggml.tokens', ['a']],
      ],
    }),
    'unsupported-model',
    /kind "rwkv" are not supported/,
  ],
  ['splits without a name', byteLevel(), 'unsupported-model', /splits texts as null/],
  ['unknown splits', byteLevel(['tokenizer.ggml.pre', 'default']), 'unsupported-model', /"default"/],
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
