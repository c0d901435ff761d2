import { ModelError } from '../../error.ts'

/**
 * `shortest` is what the tokenizers library does with tokenizer.json: the rule of the shortest key that a grapheme
 * begins with replaces the whole grapheme. `longest` is SentencePiece: at each place the longest key that fits.
 */
export type CharsmapMatching = 'shortest' | 'longest'

/** Graphemes of more UTF-8 bytes are looked up character by character (tokenizers, `Precompiled`). */
const graphemeBytesMax = 5

/**
 * The normalisation that a SentencePiece model carries: a double-array trie of UTF-8 keys and a block of texts, each ended
 * by a zero, that replace them.
 *
 * @throws {ModelError} `bad-model`
 */
export function createPrecompiled(blob: Uint8Array, matching: CharsmapMatching): (text: string) => string {
  if (blob.byteLength < 4) throw new ModelError('bad-model', 'the precompiled charsmap is cut off')
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength)
  const trieBytes = view.getUint32(0, true)
  if (trieBytes % 4 !== 0 || trieBytes + 4 > blob.byteLength)
    throw new ModelError('bad-model', 'the precompiled charsmap has a trie longer than itself')
  const units = Uint32Array.from({ length: trieBytes / 4 }, (_, index) => view.getUint32(4 + 4 * index, true))
  const texts = blob.subarray(4 + trieBytes)
  const replacementAt = (offset: number): string => {
    const end = texts.indexOf(0, offset)
    return utf8.decode(texts.subarray(offset, end < 0 ? texts.length : end))
  }
  const find = (bytes: Uint8Array, from: number, to: number): Found | null =>
    search(units, bytes, from, to, matching === 'shortest')
  return matching === 'longest'
    ? (text) => replaceLongest(text, find, replacementAt)
    : (text) => replaceGraphemes(text, find, replacementAt)
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()

interface Found {
  readonly value: number
  readonly bytes: number
}
type Find = (bytes: Uint8Array, from: number, to: number) => Found | null

/** One key that begins the bytes, in the layout of Darts-clone. */
function search(
  units: Uint32Array,
  bytes: Uint8Array,
  from: number,
  to: number,
  first: boolean,
): Found | null {
  const offsetOf = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6)
  let found: Found | null = null
  let node = offsetOf(units[0] ?? 0)
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0
    if (byte === 0) break
    node ^= byte
    const unit = units[node]
    if (unit === undefined || (unit & 0x8000_00ff) >>> 0 !== byte) break
    node ^= offsetOf(unit)
    if ((unit & 0x100) === 0) continue
    found = { value: (units[node] ?? 0) & 0x7fff_ffff, bytes: at + 1 - from }
    if (first) break
  }
  return found
}

function replaceLongest(text: string, find: Find, replacementAt: (offset: number) => string): string {
  const bytes = encoder.encode(text)
  let result = ''
  let kept = 0
  for (let at = 0; at < bytes.length;) {
    const found = find(bytes, at, bytes.length)
    if (found === null) {
      at += characterBytes(bytes[at] ?? 0)
      continue
    }
    result += utf8.decode(bytes.subarray(kept, at)) + replacementAt(found.value)
    at += found.bytes
    kept = at
  }
  return kept === 0 ? text : result + utf8.decode(bytes.subarray(kept))
}

function characterBytes(first: number): number {
  return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
}

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' })

function replaceGraphemes(text: string, find: Find, replacementAt: (offset: number) => string): string {
  const replaced = (part: string): string | null => {
    const bytes = encoder.encode(part)
    const found = find(bytes, 0, bytes.length)
    return found === null ? null : replacementAt(found.value)
  }
  const ofCharacter = new Map<string, string>()
  const characterOf = (character: string): string => {
    const known = ofCharacter.get(character)
    if (known !== undefined) return known
    const result = replaced(character) ?? character
    ofCharacter.set(character, result)
    return result
  }
  let result = ''
  for (const { segment } of graphemes.segment(text)) {
    const whole =
      segment.length > 1 && encoder.encode(segment).length <= graphemeBytesMax ? replaced(segment) : null
    result += whole ?? Array.from(segment, characterOf).join('')
  }
  return result
}
