import { ModelError } from '../../error.ts'
import { limits } from '../../limits.ts'
import { show, type JsonObject } from '../../json-fields.ts'
import type { Metadata } from '../../sources/gguf/metadata.ts'
import { byteLevelTokenizer } from './byte-level.ts'
import { bytePairPieces, unigramPieces } from './sentence-piece.ts'
import { addedTokens, vocabularyOf } from './vocabulary.ts'
import { wordPieceTokenizer } from './word-piece.ts'

/**
 * The tokenizer of a GGUF file as the assets of a model in Hugging Face layout: `tokenizer.json` and
 * `tokenizer_config.json` with the chat template. They travel and are checked by hash like those of any model.
 *
 * @returns no assets for a file without a tokenizer
 * @throws {ModelError} `unsupported-model` with the name of the tokenizer, `bad-model`
 */
export function ggufAssets(metadata: Metadata): ReadonlyMap<string, Uint8Array> {
  const model = metadata.text('tokenizer.ggml.model')
  if (model === null || model === 'no_vocab') return new Map()
  const tokenizer = tokenizerOf(model, metadata)
  const assets: [string, JsonObject][] = [
    ['tokenizer.json', tokenizer],
    ['tokenizer_config.json', configOf(metadata)],
  ]
  return new Map(
    assets.map(([name, json]) => {
      const bytes = new TextEncoder().encode(JSON.stringify(json))
      if (bytes.byteLength > limits.assetBytesMax)
        throw new ModelError(
          'limit-exceeded',
          `${name}, made from the GGUF file, has ${bytes.byteLength} bytes, more than ${limits.assetBytesMax}`,
        )
      return [name, bytes]
    }),
  )
}

function tokenizerOf(model: string, metadata: Metadata): JsonObject {
  const vocabulary = vocabularyOf(metadata)
  const parts = { vocabulary, added: addedTokens(vocabulary) }
  switch (model) {
    case 'llama':
      return bytePairPieces(metadata, parts)
    case 'gpt2':
      return byteLevelTokenizer(metadata, parts)
    case 't5':
      return unigramPieces(metadata, parts)
    case 'bert':
      return wordPieceTokenizer(metadata, parts)
    default:
      throw new ModelError(
        'unsupported-model',
        `GGUF tokenizers of the kind ${show(model)} are not supported; "llama", "gpt2", "t5" and "bert" are`,
      )
  }
}

/** Special tokens by the names that templates use, and the template. */
function configOf(metadata: Metadata): JsonObject {
  const tokens = metadata.texts('tokenizer.ggml.tokens') ?? []
  const special = (
    [
      ['bos_token', 'bos'],
      ['eos_token', 'eos'],
      ['unk_token', 'unknown'],
      ['pad_token', 'padding'],
    ] as const
  ).flatMap(([name, key]) => {
    const id = metadata.number(`tokenizer.ggml.${key}_token_id`)
    const token = id === null ? undefined : tokens[id]
    return token === undefined ? [] : [[name, token] as const]
  })
  const template = metadata.text('tokenizer.chat_template')
  return {
    ...Object.fromEntries(special),
    ...(template === null ? {} : { chat_template: template }),
    clean_up_tokenization_spaces: false,
  }
}
