import { ModelError } from '../../error.ts'
import type { JsonObject } from '../../json-fields.ts'
import type { Metadata } from '../../sources/gguf/metadata.ts'
import { toBase64 } from '../encoding/base64.ts'
import { pieceTokenizer } from '../sentencepiece/piece-tokenizer.ts'
import type { Pieces } from '../sentencepiece/piece-types.ts'
import { surroundings, type TokenizerParts, type Vocabulary } from './vocabulary.ts'

/** A SentencePiece vocabulary that joins neighbours (Llama 2, Mistral, Gemma, Phi-3). */
export function bytePairPieces(metadata: Metadata, { vocabulary, added }: TokenizerParts): JsonObject {
  const json = pieceTokenizer(piecesOf(metadata, vocabulary), {
    kind: 'bpe',
    byteFallback: true,
    charsmap: null,
    // llama.cpp puts a space behind every control token too.
    spaceBefore: (metadata.flag('tokenizer.ggml.add_space_prefix') ?? true) ? 'always' : 'never',
    mergesSpaces: false,
  })
  const ends = surroundings(metadata, vocabulary, { beginning: true, end: false, separator: false })
  return { ...json, added_tokens: added, post_processor: ends }
}

/** A SentencePiece vocabulary of the unigram kind (T5). */
export function unigramPieces(metadata: Metadata, { vocabulary, added }: TokenizerParts): JsonObject {
  const charsmap = metadata.numbers('tokenizer.ggml.precompiled_charsmap')
  const json = pieceTokenizer(piecesOf(metadata, vocabulary), {
    kind: 'unigram',
    byteFallback: false,
    charsmap: charsmap === null || charsmap.length === 0 ? null : toBase64(Uint8Array.from(charsmap)),
    spaceBefore: (metadata.flag('tokenizer.ggml.add_space_prefix') ?? true) ? 'always' : 'never',
    mergesSpaces: metadata.flag('tokenizer.ggml.remove_extra_whitespaces') ?? false,
  })
  const ends = surroundings(metadata, vocabulary, { beginning: false, end: true, separator: false })
  return { ...json, added_tokens: added, post_processor: ends }
}

function piecesOf(metadata: Metadata, { tokens, types }: Vocabulary): Pieces {
  const scores = metadata.numbers('tokenizer.ggml.scores')
  if (scores === null || scores.length !== tokens.length)
    throw new ModelError('bad-model', 'the GGUF file has no score for each of its tokens')
  return { tokens, types, scores }
}
