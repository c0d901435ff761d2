import { ModelError } from '../../error.ts'

/** One field of a message in the wire format of Protocol Buffers. */
export type ProtobufField =
  | { readonly number: number; readonly kind: 'varint'; readonly value: number }
  | { readonly number: number; readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly number: number; readonly kind: 'float'; readonly value: number }

/**
 * The fields of a message in the order of the file. Fields of eight bytes are left out: SentencePiece has none.
 * @throws {ModelError} `bad-model`
 */
export function* protobufFields(message: Uint8Array): Generator<ProtobufField> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 0; shift < 64; shift += 7) {
      const byte = message[at++]
      if (byte === undefined) throw cutOff()
      // Larger values (negative ones) lose precision, and none of them is used.
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw cutOff()
  }
  const take = (length: number): number => {
    const from = at
    at += length
    if (at > message.byteLength) throw cutOff()
    return from
  }
  while (at < message.byteLength) {
    const tag = varint()
    const number = Math.floor(tag / 8)
    switch (tag % 8) {
      case 0:
        yield { number, kind: 'varint', value: varint() }
        break
      case 1:
        take(8)
        break
      case 2: {
        const length = varint()
        const from = take(length)
        yield { number, kind: 'bytes', value: message.subarray(from, from + length) }
        break
      }
      case 5:
        yield { number, kind: 'float', value: view.getFloat32(take(4), true) }
        break
      default:
        throw cutOff()
    }
  }
}

function cutOff(): ModelError {
  return new ModelError('bad-model', 'tokenizer.model is not a SentencePiece model, or is truncated')
}
