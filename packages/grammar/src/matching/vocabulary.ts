import type { TokenDecoder } from '@shoal/model'
import type { VocabularyBytes } from './matcher-calls.ts'

/** Tokens between two pauses: 4,096 take about 2 ms. */
const tokensPerTurn = 4096

/**
 * Reads the whole vocabulary, in pieces, so that the event loop is never held up for long.
 * @param pause lets other work of the event loop run
 */
export async function readVocabulary(
  decoder: Pick<TokenDecoder, 'vocabularySize' | 'tokenBytes'>,
  endTokenIds: readonly number[],
  pause: () => Promise<void>,
): Promise<VocabularyBytes> {
  const { vocabularySize } = decoder
  const ends = new Uint32Array(new SharedArrayBuffer(4 * vocabularySize))
  const pieces: Uint8Array[] = []
  let length = 0
  for (let tokenId = 0; tokenId < vocabularySize; tokenId++) {
    if (tokenId > 0 && tokenId % tokensPerTurn === 0) await pause()
    const piece = endTokenIds.includes(tokenId) ? null : decoder.tokenBytes(tokenId)
    if (piece !== null) pieces.push(piece)
    length += piece?.length ?? 0
    ends[tokenId] = length
  }
  const bytes = new Uint8Array(new SharedArrayBuffer(length))
  let offset = 0
  for (const piece of pieces) {
    bytes.set(piece, offset)
    offset += piece.length
  }
  return { bytes, ends, endTokenIds }
}

/** The character of each byte in the table of GPT-2, which byte-level vocabularies are written with. */
const characters = byteCharacters()

function byteCharacters(): readonly string[] {
  const shown = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
  let hidden = 0
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(shown(byte) ? byte : 256 + hidden++))
}

/** Every token as a text of the byte-level form. */
export function byteLevelTokens({ bytes, ends }: VocabularyBytes): string[] {
  let start = 0
  return Array.from(ends, (end) => {
    let text = ''
    for (; start < end; start++) text += characters[bytes[start] as number]
    return text
  })
}
