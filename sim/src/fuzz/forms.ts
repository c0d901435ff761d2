import { withChecksum } from './bech32m.ts'

/**
 * How the bytes of an input are laid out, as far as a mutation has to know so that the decoder reads what was changed, and
 * does not refuse the input at its first check.
 */
export type Form = keyof typeof innerStart

/** Byte at which the part begins that has a grammar of its own: CBOR, or JSON in `tab`. Null where there is none. */
const innerStart = {
  /** `[u8 code][u8 zero][u16 LE header length][header][zeros to a multiple of 8][payload]` */
  frame: 4,
  cbor: 0,
  /** A signature before CBOR. */
  signed: 64,
  /** `[u32 LE JSON length][JSON][zeros to a multiple of 4][float32 values]` */
  tab: 4,
  /** bech32m, which ends with a checksum. */
  code: null,
  bytes: null,
} as const

export interface Parts {
  readonly before: Uint8Array
  readonly inner: Uint8Array
  readonly after: Uint8Array
}

const align = (length: number, to: number): number => Math.ceil(length / to) * to
/** Of the payload behind the inner part. */
const payloadAlign = { frame: 8, tab: 4, cbor: 1, signed: 1, code: 1, bytes: 1 } as const

/** @returns null for an input in which no inner part is found */
export function splitInput(form: Form, bytes: Uint8Array): Parts | null {
  const start = innerStart[form]
  if (start === null || bytes.length <= start) return null
  const end = start + innerLength(form, bytes, start)
  if (end > bytes.length) return null
  const after = align(end, payloadAlign[form])
  return { before: bytes.subarray(0, start), inner: bytes.subarray(start, end), after: bytes.subarray(after) }
}

function innerLength(form: Form, bytes: Uint8Array, start: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  if (form === 'frame') return view.getUint16(2, true)
  return form === 'tab' ? view.getUint32(0, true) : bytes.length - start
}

/** The input with another inner part, and a head that fits it. */
export function joinInput(form: Form, { before, inner, after }: Parts): Uint8Array {
  const start = align(before.length + inner.length, payloadAlign[form])
  const bytes = new Uint8Array(start + after.length)
  bytes.set(before)
  bytes.set(inner, before.length)
  bytes.set(after, start)
  return withInnerLength(form, bytes, inner.length)
}

/** The input with a head that says so. */
export function withInnerLength(form: Form, bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length < 4 || (form !== 'frame' && form !== 'tab')) return bytes
  const copy = bytes.slice()
  const view = new DataView(copy.buffer)
  if (form === 'frame') view.setUint16(2, length & 0xffff, true)
  else view.setUint32(0, length, true)
  return copy
}

/** The input with a head, or a checksum, that fits all of it, as after an honest change. */
export function refit(form: Form, bytes: Uint8Array): Uint8Array {
  return form === 'code' ? withChecksum(bytes) : withInnerLength(form, bytes, bytes.length - 4)
}
