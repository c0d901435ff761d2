import type { TokenDecoder } from '../tokenizer/tokenizer-types.ts'

/** The tokens of a vocabulary by their bytes, which are written as a text with one character for each byte. */
export interface TokenIndex {
  /** Ids of the tokens with exactly these bytes. */
  idsOf(bytes: string): readonly number[]
  /** The bytes of a token; empty for tokens without text, such as special ones. */
  bytesOf(tokenId: number): string
  readonly vocabularySize: number
  /** Length of the longest token. */
  readonly bytesMax: number
}

/** Tokens between two pauses: 4,096 take about 2 ms. */
const tokensPerTurn = 4096

/**
 * Reads the whole vocabulary, in pieces, so that the event loop is never held up for long.
 * @param pause lets other work of the event loop run
 */
export async function createTokenIndex(
  decoder: Pick<TokenDecoder, 'vocabularySize' | 'tokenBytes'>,
  pause: () => Promise<void>,
): Promise<TokenIndex> {
  const bytesOf = (tokenId: number): string => {
    let text = ''
    for (const byte of decoder.tokenBytes(tokenId) ?? []) text += String.fromCharCode(byte)
    return text
  }
  const ids = new Map<string, number[]>()
  let bytesMax = 0
  for (let tokenId = 0; tokenId < decoder.vocabularySize; tokenId++) {
    if (tokenId > 0 && tokenId % tokensPerTurn === 0) await pause()
    const bytes = bytesOf(tokenId)
    if (bytes === '') continue
    bytesMax = Math.max(bytesMax, bytes.length)
    const known = ids.get(bytes)
    if (known === undefined) ids.set(bytes, [tokenId])
    else known.push(tokenId)
  }
  const { vocabularySize } = decoder
  return { vocabularySize, idsOf: (bytes) => ids.get(bytes) ?? [], bytesOf, bytesMax }
}
