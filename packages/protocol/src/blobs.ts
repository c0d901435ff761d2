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
import { protocols, type BlobMessage } from './messages.ts'

const maxUint32 = 0xffffffff

/** The frame of a blob message. @param payload the bytes, for `chunk` only */
export function encodeBlob(message: BlobMessage, payload?: Uint8Array): FrameParts {
  const { type, ...fields } = message
  if (message.type === 'no-blob')
    return encodeFrame(codes[type], { ...fields, message: clipMessage(message.message) })
  return encodeFrame(codes[type], fields, message.type === 'chunk' ? payload : noPayload)
}

/** The payload is empty but for `chunk`. @throws {ShoalError} `bad-frame` */
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
