import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { assetsOf, sharedData, sharedDataMissing } from '../testing/shared-data.ts'
import { createTokenizer } from './tokenizer.ts'
import type { SynchronousTokenizer } from './tokenizer-types.ts'

const published = new Map<string, SynchronousTokenizer>()
function load(name: string): SynchronousTokenizer {
  const tokenizer = published.get(name) ?? createTokenizer(assetsOf(join(sharedData, 'tokenizers', name)))
  if (tokenizer === null) throw new Error(`no tokenizer in ${name}`)
  published.set(name, tokenizer)
  return tokenizer
}

function streamed(tokenizer: SynchronousTokenizer, ids: readonly number[]): string {
  const stream = tokenizer.stream()
  return ids.map((id) => stream.push(id)).join('') + stream.flush()
}

describe.skipIf(sharedDataMissing !== null)(
  `published tokenizers${sharedDataMissing === null ? '' : ` (${sharedDataMissing})`}`,
  () => {
    test.each([
      ['qwen2', 'assembled from vocab.json and merges.txt'],
      ['falcon', 'byte-level BPE with digits split'],
      ['phi-3', 'SentencePiece-style BPE'],
    ])("%s (%s) gives the ids of llama.cpp's vectors, and the text back", (name) => {
      const tokenizer = load(name)
      const vectors = join(sharedData, 'gguf-vocab', `ggml-vocab-${name}.gguf`)
      const texts = readFileSync(`${vectors}.inp`, 'utf8').split('\n__ggml_vocab_test__\n')
      const lines = readFileSync(`${vectors}.out`, 'utf8').split('\n')
      expect(texts.length).toBe(47)
      for (const [index, text] of texts.entries()) {
        const ids = tokenizer.encode(text, { addSpecialTokens: false })
        expect(ids, JSON.stringify(text)).toEqual(
          (lines[index] ?? '')
            .split(' ')
            .filter((id) => id !== '')
            .map(Number),
        )
        expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(text)
        expect(streamed(tokenizer, ids)).toBe(tokenizer.decode(ids))
      }
    })

    test('falcon: the vectors of swift-transformers', () => {
      const falcon = load('falcon')
      const { text, token_ids } = JSON.parse(
        readFileSync(join(sharedData, 'tokenizer-vectors/falcon_encoded.json'), 'utf8'),
      ) as { text: string; token_ids: number[] }
      expect(falcon.encode(text)).toEqual(token_ids)
      const all = JSON.parse(
        readFileSync(join(sharedData, 'tokenizer-vectors/tokenizer_tests.json'), 'utf8'),
      ) as Record<string, { input: string; encoded: { input_ids: number[] } }[]>
      const cases = all['tiiuae/falcon-7b'] ?? []
      expect(cases.length).toBe(19)
      for (const { input, encoded } of cases)
        expect(falcon.encode(input), JSON.stringify(input)).toEqual(encoded.input_ids)
    })

    test('qwen2 has a template and its special tokens', () => {
      const qwen2 = load('qwen2')
      const rendered = qwen2.renderChat([{ role: 'user', content: 'Hi' }])
      expect(rendered).toBe(
        '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n',
      )
      expect(qwen2.encode(rendered, { addSpecialTokens: false }).filter((id) => id === 151_644).length).toBe(
        3,
      )
    })
  },
)
