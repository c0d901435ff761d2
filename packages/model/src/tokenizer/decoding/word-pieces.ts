import { fieldOf, type JsonObject } from '../../json-fields.ts'
import type { PieceDecoder } from './token-pieces.ts'

/** The decoder of WordPiece: a space before each token but those that continue a word. */
export function createWordPieceDecoder(section: JsonObject): PieceDecoder {
  const named = fieldOf(section, 'prefix')
  const prefix = typeof named === 'string' && named !== '' ? named : '##'
  const cleans = fieldOf(section, 'cleanup') !== false
  return {
    piece(token) {
      const text = token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`
      return { text: cleans ? cleaned(text) : text }
    },
    stripLeadingSpace: true,
  }
}

/** No space before punctuation and English contractions. */
function cleaned(text: string): string {
  return [' .', ' ?', ' !', ' ,', " n't", " 'm", " 's", " 've", " 're"].reduce(
    (result, spaced) => result.replaceAll(spaced, spaced.slice(1)),
    text.replaceAll(" ' ", "'").replaceAll(' do not', " don't"),
  )
}
