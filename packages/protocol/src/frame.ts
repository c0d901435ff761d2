import { ShoalError, messageOf } from '@shoal/host'
import { decode, encode } from 'cborg'
import { limits } from './limits.ts'

/**
 * One frame: `[u8 type code][u8 zero][u16 LE header length][header][zero padding to a multiple of 8][payload]`.
 * A channel delivers a frame at an 8-byte boundary. The payload lies on one too, so float32 values are read without a copy.
 */
export interface Frame {
  readonly code: number
  /** A view into the frame. */
  readonly header: Uint8Array
  /** A view into the frame, at a multiple of 8 bytes from its start. */
  readonly payload: Uint8Array
}

/** The parts of one encoded frame, for `channel.send(...parts)`, which joins them in the only copy of the payload. */
export type FrameParts = readonly Uint8Array[]

/** A decoded message and the payload of its frame, which is empty for most messages. */
export interface Decoded<Message> {
  readonly message: Message
  readonly payload: Uint8Array
}

export const frameHeadBytes = 4
export const noPayload = new Uint8Array(0)

const alignTo8 = (length: number): number => (length + 7) & ~7

export const badFrame = (sentence: string): ShoalError => new ShoalError('bad-frame', sentence)

/**
 * The head of a frame with room for a header of `headerLength` bytes, which the caller writes at `frameHeadBytes`.
 * @throws {ShoalError} `limit-exceeded` for a header that is too long
 */
export function createHead(code: number, headerLength: number): Uint8Array {
  if (headerLength > limits.maxHeaderBytes) {
    throw new ShoalError(
      'limit-exceeded',
      `a header of ${headerLength} bytes is over the limit of ${limits.maxHeaderBytes}`,
    )
  }
  const head = new Uint8Array(alignTo8(frameHeadBytes + headerLength))
  head[0] = code
  head[2] = headerLength & 0xff
  head[3] = headerLength >>> 8
  return head
}

/** Encodes a frame whose header is the deterministic CBOR of `fields`. */
export function encodeFrame(
  code: number,
  fields: Readonly<Record<string, unknown>>,
  payload: Uint8Array = noPayload,
): FrameParts {
  const header = encode(fields)
  const head = createHead(code, header.length)
  head.set(header, frameHeadBytes)
  return payload.length === 0 ? [head] : [head, payload]
}

/** Splits a frame into views. @throws {ShoalError} `bad-frame` */
export function splitFrame(frame: Uint8Array): Frame {
  const [code, zero, low, high] = frame
  if (code === undefined || zero === undefined || low === undefined || high === undefined) {
    throw badFrame(`a frame of ${frame.length} bytes is shorter than its head of ${frameHeadBytes}`)
  }
  if (zero !== 0) throw badFrame('the second byte of a frame must be zero')
  const headerEnd = frameHeadBytes + (low | (high << 8))
  const payloadStart = alignTo8(headerEnd)
  if (payloadStart > frame.length) {
    throw badFrame(`a header that ends at byte ${payloadStart} does not fit a frame of ${frame.length} bytes`)
  }
  return { code, header: frame.subarray(frameHeadBytes, headerEnd), payload: frame.subarray(payloadStart) }
}

/**
 * The entries of a CBOR map. Duplicate keys are refused, because two implementations could read two different messages.
 * @throws {ShoalError} `bad-frame`
 */
export function decodeFields(name: string, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = decode(bytes, { rejectDuplicateMapKeys: true })
  } catch (error) {
    // Hostile bytes may provoke any error inside the decoder, such as a stack overflow by deep nesting.
    throw new ShoalError('bad-frame', `${name}: the header is not CBOR: ${messageOf(error)}`, {
      cause: error,
    })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) {
    throw badFrame(`${name}: the header must be a map`)
  }
  return value as Record<string, unknown>
}

export function requireNoPayload(name: string, payload: Uint8Array): void {
  if (payload.length > 0) throw badFrame(`${name}: ${payload.length} unexpected bytes behind the header`)
}

export function unknownCode(protocol: string, code: number): ShoalError {
  return badFrame(
    `${protocol}: unknown message type 0x${code.toString(16).padStart(2, '0')}; the sender may be newer than this peer`,
  )
}
