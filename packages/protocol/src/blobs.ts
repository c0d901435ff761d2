import { codes } from './codes.ts'
import { clipMessage, readFields } from './fields.ts'
import {
  badFrame,
  encodeFrame,
  noPayload,
  requireNoPayload,
  splitFrame,
  unknownCode,
  type Decoded,
  type FrameParts,
} from './frame.ts'
import { limits } from './limits.ts'
import { protocols } from './protocols.ts'

/** Asks for the canonical bytes of the manifest, or for bytes of an asset or a packed tensor by its sha256. */
export interface BlobRequest {
  readonly type: 'get'
  /** Chosen by the asking peer and repeated in the answer, so that several requests may be under way. */
  readonly request: number
  /** `manifest`, or a sha256 from the manifest in lower-case hex. */
  readonly blob: string
  readonly offset: number
  readonly length: number
}

/** Bytes of a blob, which are the payload. `total` is the size of the whole blob. */
export interface BlobChunk {
  readonly type: 'chunk'
  readonly request: number
  readonly offset: number
  readonly total: number
}

/** Why the peer does not send the bytes. */
export interface BlobRefused {
  readonly type: 'no-blob'
  readonly request: number
  readonly code: string
  readonly message: string
}

export type BlobMessage = BlobRequest | BlobChunk | BlobRefused

const maxUint32 = 0xffffffff

/** Encodes a blob message. @param payload the bytes, for `chunk` only */
export function encodeBlob(message: BlobMessage, payload?: Uint8Array): FrameParts {
  const { type, ...fields } = message
  if (message.type === 'no-blob')
    return encodeFrame(codes[type], { ...fields, message: clipMessage(message.message) })
  return encodeFrame(codes[type], fields, message.type === 'chunk' ? payload : noPayload)
}

/** Decodes a blob message. Only `chunk` has a payload. @throws {ShoalError} `bad-frame` */
export function decodeBlob(bytes: Uint8Array): Decoded<BlobMessage> {
  const { code, header, payload } = splitFrame(bytes)
  switch (code) {
    case codes.get: {
      requireNoPayload('get', payload)
      const fields = readFields('get', header)
      const blob = fields.id('blob')
      if (blob !== 'manifest' && !/^[0-9a-f]{64}$/.test(blob))
        throw badFrame('get: blob must be "manifest" or a lower-case hex sha256')
      const message = {
        type: 'get',
        request: fields.integer('request', 0, maxUint32),
        blob,
        offset: fields.integer('offset'),
        length: fields.integer('length', 1, limits.blobChunkBytes),
      } as const
      return { message, payload }
    }
    case codes.chunk: {
      const fields = readFields('chunk', header)
      const total = fields.integer('total')
      const offset = fields.integer('offset', 0, total)
      if (payload.length > limits.blobChunkBytes || payload.length > total - offset) {
        throw badFrame(`chunk: ${payload.length} bytes at ${offset} of ${total} are too many`)
      }
      return {
        message: { type: 'chunk', request: fields.integer('request', 0, maxUint32), offset, total },
        payload,
      }
    }
    case codes['no-blob']: {
      requireNoPayload('no-blob', payload)
      const fields = readFields('no-blob', header)
      const message = {
        type: 'no-blob',
        request: fields.integer('request', 0, maxUint32),
        code: fields.id('code'),
        message: fields.text('message', limits.maxMessageBytes),
      } as const
      return { message, payload }
    }
    default:
      throw unknownCode(protocols.blobs, code)
  }
}
