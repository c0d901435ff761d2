import { ModelError } from '../../error.ts'
import type { JsonObject } from '../../json-fields.ts'
import type { Metadata } from '../../sources/gguf/metadata.ts'
import { pieceTypes } from '../sentencepiece/piece-types.ts'
import { idsByToken, surroundings, type TokenizerParts } from './vocabulary.ts'

/** Longest word that is cut into tokens: llama.cpp has no bound, and time grows with the length. */
const wordCharactersMax = 100_000

/**
 * A vocabulary of BERT. GGUF files write the beginnings of words with `▁` and what continues them as it is; tokenizer.json
 * writes the beginnings as they are and the others with `##`.
 */
export function wordPieceTokenizer(metadata: Metadata, { vocabulary, added }: TokenizerParts): JsonObject {
  const { tokens, types } = vocabulary
  const unknown = metadata.number('tokenizer.ggml.unknown_token_id') ?? tokens.indexOf('[UNK]')
  const unknownToken = tokens[unknown]
  if (unknownToken === undefined) throw new ModelError('bad-model', 'the GGUF file has no unknown token')
  const written = tokens.map((token, id) => {
    if (id === unknown || types[id] === pieceTypes.control) return token
    return token.startsWith('▁') ? token.slice(1) : `##${token}`
  })
  const ends = surroundings(metadata, vocabulary, { beginning: true, end: false, separator: true })
  return {
    added_tokens: added,
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      lowercase: metadata.flag('tokenizer.ggml.normalizer.lowercase') ?? true,
      strip_accents: metadata.flag('tokenizer.ggml.normalizer.strip_accents') ?? true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: ends,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: unknownToken,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: wordCharactersMax,
      vocab: idsByToken({ tokens: written, types }),
    },
  }
}
