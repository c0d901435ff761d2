import { createTextStream } from './text-stream.ts'
import { createPieceDecoder, type TokenPiece } from './token-pieces.ts'
import type { DecoderParts, TextStream, TokenDecoder } from '../tokenizer-types.ts'

/**
 * Turns ids into text token by token, so that a stream and a whole decode give the same text by construction. The text is
 * not cleaned up (`clean_up_tokenization_spaces`).
 * @throws {ModelError} `unsupported-model` for another decoder section
 */
export function createTokenDecoder({ vocabulary, added, decoder: section }: DecoderParts): TokenDecoder {
  const decoder = createPieceDecoder(section)
  const pieces = new Map<number, TokenPiece | null>()
  const pieceOf = (tokenId: number): TokenPiece | null => {
    const known = pieces.get(tokenId)
    if (known !== undefined) return known
    const token = vocabulary[tokenId]
    if (token === undefined) return null
    const piece = added.has(tokenId) ? { text: token } : decoder.piece(token)
    pieces.set(tokenId, piece)
    return piece
  }
  const withoutSpecial =
    (shown: readonly string[]) =>
    (tokenId: number): TokenPiece | null =>
      added.get(tokenId) === true && !shown.includes(vocabulary[tokenId] ?? '') ? null : pieceOf(tokenId)
  const pieceWithoutSpecial = withoutSpecial([])
  const stream = (piece: (tokenId: number) => TokenPiece | null): TextStream =>
    createTextStream(piece, decoder.stripLeadingSpace)
  return {
    vocabularySize: vocabulary.length,
    tokenBytes: (tokenId) => {
      const piece = pieceWithoutSpecial(tokenId)
      if (piece === null) return null
      return 'bytes' in piece ? piece.bytes : new TextEncoder().encode(piece.text)
    },
    decode: (tokenIds, { skipSpecialTokens = true } = {}) => {
      const text = stream(skipSpecialTokens ? pieceWithoutSpecial : pieceOf)
      return tokenIds.map((tokenId) => text.push(tokenId)).join('') + text.flush()
    },
    stream: ({ shownTokens = [] } = {}) => stream(withoutSpecial(shownTokens)),
  }
}
