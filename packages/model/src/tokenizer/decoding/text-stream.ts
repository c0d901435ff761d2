import type { TokenPiece } from './token-pieces.ts'
import type { TextStream } from '../tokenizer-types.ts'

/**
 * Joins pieces into text. Bytes run through a streaming UTF-8 decoder, which holds back an incomplete character, so
 * the cost of a token does not depend on how many came before it.
 *
 * @param pieceOf null for a token that is left out
 */
export function createTextStream(
  pieceOf: (tokenId: number) => TokenPiece | null,
  stripLeadingSpace: boolean,
): TextStream {
  let decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let atStart = stripLeadingSpace
  const emit = (text: string): string => {
    if (!atStart || text === '') return text
    atStart = false
    return text.startsWith(' ') ? text.slice(1) : text
  }
  const endRun = (): string => {
    const rest = decoder.decode()
    decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    return rest
  }
  return {
    push: (tokenId) => {
      const piece = pieceOf(tokenId)
      if (piece === null) return ''
      return emit('bytes' in piece ? decoder.decode(piece.bytes, { stream: true }) : endRun() + piece.text)
    },
    flush: () => emit(endRun()),
  }
}
