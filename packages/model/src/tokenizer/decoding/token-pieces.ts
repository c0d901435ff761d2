import { ModelError } from '../../error.ts'
import { asObject, fieldOf, show, type JsonObject } from '../../json-fields.ts'
import { byteOfCharacter } from '../encoding/byte-alphabet.ts'
import { createWordPieceDecoder } from './word-pieces.ts'

/**
 * A token's contribution to the text: bytes, which may be a part of a character, or literal text.
 * Text ends a run of bytes; an incomplete character before it becomes U+FFFD.
 */
export type TokenPiece = { readonly bytes: Uint8Array } | { readonly text: string }

/** How a tokenizer's decoder section turns one token into a piece, and what it strips from the whole text. */
export interface PieceDecoder {
  piece(token: string): TokenPiece
  /** SentencePiece: removes the one space that the encoder put before the text. */
  readonly stripLeadingSpace: boolean
}

/**
 * The decoder sections of byte-level BPE (`ByteLevel`) and of SentencePiece-style BPE (`Metaspace`, or a sequence of
 * `Replace`, `ByteFallback`, `Fuse`, `Strip`), and that of `WordPiece`. All work token by token, which makes streaming linear.
 *
 * @throws {ModelError} `unsupported-model` for any other
 */
export function createPieceDecoder(decoder: unknown): PieceDecoder {
  if (decoder === null) return { piece: (token) => ({ text: token }), stripLeadingSpace: false }
  const section = asObject(decoder, 'the decoder section of tokenizer.json')
  const steps = fieldOf(section, 'type') === 'Sequence' ? stepsOf(section) : [section]
  const types = steps.map((step) => fieldOf(step, 'type'))
  if (types[0] === 'WordPiece') return createWordPieceDecoder(section)
  if (types.includes('ByteLevel')) return { piece: byteLevelPiece, stripLeadingSpace: false }
  const replacements: (readonly [string, string])[] = []
  let byteFallback = false
  let stripLeadingSpace = false
  for (const step of steps) {
    const replacement = fieldOf(step, 'replacement')
    switch (String(fieldOf(step, 'type'))) {
      case 'Replace':
        replacements.push(replacementOf(step))
        break
      case 'Metaspace':
        replacements.push([typeof replacement === 'string' && replacement !== '' ? replacement : '▁', ' '])
        stripLeadingSpace = fieldOf(step, 'prepend_scheme') !== 'never'
        break
      case 'ByteFallback':
        byteFallback = true
        break
      case 'Strip':
        stripLeadingSpace = isLeadingSpace(step)
        break
      case 'Fuse':
        break
      default:
        throw unsupported(step)
    }
  }
  const piece = (token: string): TokenPiece => {
    const byte = byteFallback ? /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1] : undefined
    if (byte !== undefined) return { bytes: Uint8Array.of(Number.parseInt(byte, 16)) }
    return { text: replacements.reduce((text, [from, to]) => text.replaceAll(from, to), token) }
  }
  return { piece, stripLeadingSpace }
}

function stepsOf(section: JsonObject): JsonObject[] {
  const steps = fieldOf(section, 'decoders')
  if (!Array.isArray(steps))
    throw new ModelError('bad-model', 'the decoder sequence of tokenizer.json is not a list')
  return steps.map((step) => asObject(step, 'a decoder of tokenizer.json'))
}

function replacementOf(step: JsonObject): readonly [string, string] {
  const pattern = fieldOf(asObject(fieldOf(step, 'pattern'), 'the pattern of a Replace decoder'), 'String')
  const content = fieldOf(step, 'content')
  if (typeof pattern !== 'string' || typeof content !== 'string') throw unsupported(step)
  // Steps that lengthen a token multiply: a few of them would turn one token into gigabytes.
  if (pattern === '' || content.length > pattern.length) throw unsupported(step)
  return [pattern, content]
}

function isLeadingSpace(step: JsonObject): boolean {
  if (fieldOf(step, 'content') !== ' ' || fieldOf(step, 'start') !== 1 || fieldOf(step, 'stop') !== 0)
    throw unsupported(step)
  return true
}

function unsupported(step: JsonObject): ModelError {
  return new ModelError('unsupported-model', `the tokenizer's decoder ${show(step)} is not supported`)
}

/** A token with a character outside the table is emitted as text, as in the reference implementation. */
function byteLevelPiece(token: string): TokenPiece {
  const bytes: number[] = []
  for (const character of token) {
    const byte = byteOfCharacter.get(character)
    if (byte === undefined) return { bytes: new TextEncoder().encode(token) }
    bytes.push(byte)
  }
  return { bytes: Uint8Array.from(bytes) }
}
