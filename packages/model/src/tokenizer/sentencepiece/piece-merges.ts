import { ModelError } from '../../error.ts'
import { limits } from '../../limits.ts'
import { pieceTypes, type Pieces } from './piece-types.ts'

/** Pieces longer than this are never made of merges: their pairs would take memory quadratic in their length. */
const pieceCharactersMax = 256

/**
 * A SentencePiece vocabulary with scores as merges of byte-pair encoding. SentencePiece joins the neighbours whose joined
 * piece has the best score; that is byte-pair encoding with every way to make a piece of two others, best pieces first;
 * among those of one piece, best parts first.
 *
 * @throws {ModelError} `limit-exceeded`
 */
export function mergesOf({ tokens, types, scores }: Pieces): [string, string][] {
  const work = tokens.reduce((sum, { length }) => sum + Math.min(length, 2 * pieceCharactersMax) ** 2, 0)
  if (work > limits.ggufPieceWorkMax)
    throw new ModelError('limit-exceeded', "the tokenizer's pieces are too long to be joined")
  const ids = new Map<string, number>()
  for (const [id, token] of tokens.entries()) if (!ids.has(token)) ids.set(token, id)
  const order = tokens.map((_, id) => id).filter((id) => (types[id] ?? 1) === pieceTypes.normal)
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
