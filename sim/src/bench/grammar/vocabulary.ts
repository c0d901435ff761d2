import { seededRandom } from '@shoal/host'

/** A made-up vocabulary whose tokens are like those of a byte-level tokenizer. */
export interface Vocabulary {
  readonly vocabularySize: number
  tokenBytes(tokenId: number): Uint8Array | null
  /** Ids of the tokens that the bytes have at this place, the longest first. */
  idsAt(bytes: Uint8Array, start: number): number[]
}

const bytesMax = 24
const syllables =
  'a an ar as at be ca ce ci co de di e ed el en er es ex fo ge ha he i il in ing ion is it la le li lo ma me men mo na ne no o of on or ou pe po pre pro qu ra re ri ro s se si st ta te th ti to tr u un ur us ve vi wa we wi y ä é ü ж и о т の 中 国 你'.split(
    ' ',
  )
/** What stands between words and in programs and JSON. */
const signs = '{ } [ ] ( ) < > " \' : , . ; ! ? = + - * / \\ | & % $ # @ ^ ~ ` _'.split(' ')

/**
 * Token 0 ends; then come the 256 bytes, numbers of up to three digits, blanks, pairs and triples of signs, and words of up
 * to four syllables, with a blank before two thirds of them.
 */
export function createVocabulary(size: number): Vocabulary {
  const texts = new Set<string>()
  for (let number = 0; number < 1000; number += 1) texts.add(String(number))
  for (let length = 2; length <= 64; length += 1)
    for (const blank of [' ', '\n', '\t']) texts.add(blank.repeat(length))
  for (const first of signs)
    for (const second of ['', ...signs, ' ', '\n']) {
      texts.add(` ${first}${second}`)
      texts.add(`${first}${second}`)
      if (second !== '') for (const third of [' ', '\n', '"', '{']) texts.add(`${first}${second}${third}`)
    }
  const random = seededRandom(7)
  const pick = (): string => syllables[random.uint32() % syllables.length] ?? ''
  while (texts.size < size) {
    const word = Array.from({ length: 1 + (random.uint32() % 4) }, pick).join('')
    const written = random.uint32() % 4 === 0 ? word.charAt(0).toUpperCase() + word.slice(1) : word
    texts.add(random.uint32() % 3 === 0 ? written : ` ${written}`)
  }
  const encoder = new TextEncoder()
  const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte))
  const words = [...texts].map((text) => encoder.encode(text)).filter((word) => word.length > 1)
  const tokens: (Uint8Array | null)[] = [null, ...bytes, ...words].slice(0, size)
  const ids = new Map(tokens.map((token, id) => [keyOf(token ?? new Uint8Array(0)), id]))
  return {
    vocabularySize: tokens.length,
    tokenBytes: (tokenId) => tokens[tokenId] ?? null,
    idsAt(given, start) {
      const lengths = Array.from({ length: bytesMax }, (_, less) => bytesMax - less)
      return lengths.flatMap((length) => {
        const id =
          start + length > given.length ? undefined : ids.get(keyOf(given.subarray(start, start + length)))
        return id === undefined ? [] : [id]
      })
    },
  }
}

const keyOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes)
