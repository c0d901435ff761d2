import { ModelError } from '../../error.ts'
import type { JsonObject } from '../../json-fields.ts'
import { mergesOf } from './piece-merges.ts'
import { pieceTypes, type Pieces } from './piece-types.ts'

/** What a SentencePiece model does with a text. */
export interface PieceRules {
  readonly kind: 'bpe' | 'unigram'
  /** Characters without a piece become the tokens of their bytes. */
  readonly byteFallback: boolean
  /** Compiled rules of normalisation, in base 64; null without any. */
  readonly charsmap: string | null
  /** A space before the text: only before the whole text, or behind every added token too. */
  readonly spaceBefore: 'first' | 'always' | 'never'
  /** Spaces at both ends go away, and several become one. */
  readonly mergesSpaces: boolean
}

/**
 * The sections of tokenizer.json for a SentencePiece model: all but added tokens and post-processor.
 * @throws {ModelError} `bad-model` without an unknown piece where one is needed
 */
export function pieceTokenizer(pieces: Pieces, rules: PieceRules): JsonObject {
  const { kind, charsmap, spaceBefore, mergesSpaces } = rules
  const replace = (pattern: JsonObject, content: string): JsonObject => ({
    type: 'Replace',
    pattern,
    content,
  })
  const normalizers = [
    ...(charsmap === null
      ? []
      : [{ type: 'Precompiled', precompiled_charsmap: charsmap, matching: 'longest' }]),
    ...(mergesSpaces ? [replace({ Regex: '^ +|[ ▁]+$' }, ''), replace({ Regex: ' +' }, ' ')] : []),
    ...(spaceBefore === 'always' ? [{ type: 'Prepend', prepend: '▁' }] : []),
    replace({ String: ' ' }, '▁'),
  ]
  return {
    normalizer: { type: 'Sequence', normalizers },
    // In the way of SentencePiece, a space comes before a text that begins with one too.
    pre_tokenizer:
      spaceBefore === 'first'
        ? { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: false, forced: true }
        : null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(spaceBefore === 'never' ? [] : [{ type: 'Strip', content: ' ', start: 1, stop: 0 }]),
      ],
    },
    model: kind === 'bpe' ? bytePairs(pieces, rules) : unigram(pieces, rules),
  }
}

function bytePairs(pieces: Pieces, { byteFallback }: PieceRules): JsonObject {
  const ids = new Map<string, number>()
  for (const [id, token] of pieces.tokens.entries()) if (!ids.has(token)) ids.set(token, id)
  const unknown = pieces.types.indexOf(pieceTypes.unknown)
  return {
    type: 'BPE',
    byte_fallback: byteFallback,
    fuse_unk: true,
    unk_token: pieces.tokens[unknown] ?? null,
    vocab: Object.fromEntries(ids),
    merges: mergesOf(pieces),
    unmatched: unmatchedOf(pieces),
  }
}

function unigram(pieces: Pieces, { byteFallback }: PieceRules): JsonObject {
  const unknown = pieces.types.indexOf(pieceTypes.unknown)
  if (unknown < 0) throw new ModelError('bad-model', 'the SentencePiece model has no unknown piece')
  return {
    type: 'Unigram',
    byte_fallback: byteFallback,
    unk_id: unknown,
    vocab: pieces.tokens.map((token, id) => [token, pieces.scores[id] ?? 0]),
    unmatched: unmatchedOf(pieces),
  }
}

/** Pieces that no text becomes. */
function unmatchedOf({ types }: Pieces): number[] {
  return types.flatMap((type, id) => (type === pieceTypes.unused || type === pieceTypes.byte ? [id] : []))
}
