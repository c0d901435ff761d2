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

/** Asks for rows of the embedding. The payload has a little-endian uint32 for each token. */
export interface EmbedRequest {
  readonly type: 'embed'
  /** Chosen by the asking peer and repeated in the answer. */
  readonly request: number
  readonly rows: number
}

/** Asks for logits. The payload has the hidden states, float32 `[rows, hiddenSize]`. */
export interface LogitsRequest {
  readonly type: 'logits'
  readonly request: number
  readonly rows: number
  /** How many of the largest logits of each row are wanted; 0: the whole row. */
  readonly best: number
}

/**
 * The payload has float32 rows: of the embedding; of all logits; or, for each row, the ids of the best logits as uint32
 * and behind them these logits.
 */
export interface VocabularyAnswer {
  readonly type: 'vocabulary-rows'
  readonly request: number
  readonly rows: number
}

/** Why the peer does not answer. */
export interface VocabularyFailed {
  readonly type: 'vocabulary-failed'
  readonly request: number
  readonly code: string
  readonly message: string
}

export type VocabularyMessage = EmbedRequest | LogitsRequest | VocabularyAnswer | VocabularyFailed

const maxUint32 = 0xffffffff

/** Encodes a message of the vocabulary protocol. */
export function encodeVocabulary(message: VocabularyMessage, payload: Uint8Array = noPayload): FrameParts {
  const { type, ...fields } = message
  if (message.type === 'vocabulary-failed')
    return encodeFrame(codes[type], { ...fields, message: clipMessage(message.message) })
  return encodeFrame(codes[type], fields, payload)
}

/**
 * Decodes a message of the vocabulary protocol; its owner checks the payload's length against the model.
 * @throws {ShoalError} `bad-frame`
 */
export function decodeVocabulary(bytes: Uint8Array): Decoded<VocabularyMessage> {
  const { code, header, payload } = splitFrame(bytes)
  const rowsOf = (type: 'embed' | 'logits' | 'vocabulary-rows') => {
    const fields = readFields(type, header)
    const request = fields.integer('request', 0, maxUint32)
    return { fields, request, rows: fields.integer('rows', 1, limits.maxRowsPerStep) }
  }
  switch (code) {
    case codes.embed: {
      const { request, rows } = rowsOf('embed')
      if (payload.length !== rows * Uint32Array.BYTES_PER_ELEMENT)
        throw badFrame(`embed: ${payload.length} bytes are not ${rows} token ids`)
      return { message: { type: 'embed', request, rows }, payload }
    }
    case codes.logits: {
      const { fields, request, rows } = rowsOf('logits')
      const best = fields.integer('best', 0, limits.maxBestLogits)
      return { message: { type: 'logits', request, rows, best }, payload }
    }
    case codes['vocabulary-rows']: {
      const { request, rows } = rowsOf('vocabulary-rows')
      return { message: { type: 'vocabulary-rows', request, rows }, payload }
    }
    case codes['vocabulary-failed']: {
      requireNoPayload('vocabulary-failed', payload)
      const fields = readFields('vocabulary-failed', header)
      const message = {
        type: 'vocabulary-failed',
        request: fields.integer('request', 0, maxUint32),
        code: fields.id('code'),
        message: fields.text('message', limits.maxMessageBytes),
      } as const
      return { message, payload }
    }
    default:
      throw unknownCode(protocols.vocabulary, code)
  }
}
