import { ModelError } from '../../error.ts'
import { limits } from '../../limits.ts'
import type { JsonObject } from '../../json-fields.ts'
import type { Metadata } from '../../sources/gguf/metadata.ts'
import { idsByToken, postProcessor, tokenTypes, type TokenizerParts, type Vocabulary } from './vocabulary.ts'

/**
 * A SentencePiece vocabulary with scores (Llama 2, Mistral, Gemma, Phi-3) as byte-pair encoding. SentencePiece joins the
 * neighbours whose joined piece has the best score; that is byte-pair encoding with the pairs of all pieces as merges,
 * ordered by the score of the piece.
 */
export function sentencePieceTokenizer(
  metadata: Metadata,
  { vocabulary, added }: TokenizerParts,
): JsonObject {
  const scores = metadata.numbers('tokenizer.ggml.scores')
  if (scores === null || scores.length !== vocabulary.tokens.length)
    throw new ModelError('bad-model', 'the GGUF file has no score for each of its tokens')
  const spaceFirst = metadata.flag('tokenizer.ggml.add_space_prefix') ?? true
  const unknown = vocabulary.types.indexOf(tokenTypes.unknown)
  const space = { type: 'Replace', pattern: { String: ' ' }, content: '▁' }
  const decoders = [
    { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    ...(spaceFirst ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
  ]
  return {
    added_tokens: added,
    normalizer: spaceFirst
      ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, space] }
      : space,
    pre_tokenizer: null,
    post_processor: postProcessor(metadata, vocabulary, true),
    decoder: { type: 'Sequence', decoders },
    model: {
      type: 'BPE',
      byte_fallback: true,
      fuse_unk: true,
      unk_token: vocabulary.tokens[unknown] ?? null,
      vocab: idsByToken(vocabulary),
      merges: mergesOf(vocabulary, scores),
    },
  }
}

/** Pieces longer than this are never made of merges: their pairs would take memory quadratic in their length. */
const pieceCharactersMax = 256

/** Every way to make a piece of two others, best pieces first; among those of one piece, best parts first. */
function mergesOf(vocabulary: Vocabulary, scores: readonly number[]): [string, string][] {
  const { tokens, types } = vocabulary
  const work = tokens.reduce((sum, { length }) => sum + Math.min(length, 2 * pieceCharactersMax) ** 2, 0)
  if (work > limits.ggufPieceWorkMax)
    throw new ModelError('limit-exceeded', 'the tokens of the GGUF file are too long for its tokenizer')
  const ids = new Map(Object.entries(idsByToken(vocabulary)))
  const order = tokens.map((_, id) => id).filter((id) => (types[id] ?? 1) === 1)
  order.sort((one, other) => (scores[other] ?? 0) - (scores[one] ?? 0) || one - other)
  return order.flatMap((id) => {
    const characters = Array.from(tokens[id] ?? '')
    if (characters.length > pieceCharactersMax) return []
    const pairs: { pair: [string, string]; parts: [number, number] }[] = []
    for (let at = 1; at < characters.length; at++) {
      const pair: [string, string] = [characters.slice(0, at).join(''), characters.slice(at).join('')]
      const [left, right] = [ids.get(pair[0]), ids.get(pair[1])]
      if (left !== undefined && right !== undefined)
        pairs.push({ pair, parts: [scores[left] ?? 0, scores[right] ?? 0] })
    }
    pairs.sort((one, other) => other.parts[0] - one.parts[0] || other.parts[1] - one.parts[1])
    return pairs.map(({ pair }) => pair)
  })
}
