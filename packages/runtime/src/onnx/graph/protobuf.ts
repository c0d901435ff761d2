/**
 * The part of the protobuf wire format that an ONNX ModelProto needs: varints, 32-bit floats and length-delimited
 * fields. Own code because this is all there is to it, and because the bytes of a graph belong to the numeric profile.
 */
export interface ProtobufWriter {
  /** Varint field; negative integers as two's complement of 64 bits. */
  integer(field: number, value: number): void
  float(field: number, value: number): void
  text(field: number, value: string): void
  bytes(field: number, value: Uint8Array): void
  message(field: number, write: (inner: ProtobufWriter) => void): void
}

const wireVarint = 0
const wireDelimited = 2
const wireFloat = 5

/** @returns the encoded message that `write` describes */
export function encodeMessage(write: (writer: ProtobufWriter) => void): Uint8Array {
  const chunks: Uint8Array[] = []
  let length = 0
  const push = (chunk: Uint8Array): void => {
    chunks.push(chunk)
    length += chunk.byteLength
  }
  const tag = (field: number, wire: number): void => push(varint(BigInt(field * 8 + wire)))
  const delimited = (field: number, value: Uint8Array): void => {
    tag(field, wireDelimited)
    push(varint(BigInt(value.byteLength)))
    push(value)
  }
  write({
    integer(field, value) {
      tag(field, wireVarint)
      push(varint(BigInt.asUintN(64, BigInt(value))))
    },
    float(field, value) {
      tag(field, wireFloat)
      const four = new DataView(new ArrayBuffer(4))
      four.setFloat32(0, value, true)
      push(new Uint8Array(four.buffer))
    },
    text: (field, value) => delimited(field, new TextEncoder().encode(value)),
    bytes: delimited,
    message: (field, inner) => delimited(field, encodeMessage(inner)),
  })
  return concatenate(chunks, length)
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = []
  let rest = value
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}

function concatenate(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    whole.set(chunk, offset)
    offset += chunk.byteLength
  }
  return whole
}
