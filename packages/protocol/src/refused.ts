import { codes } from './codes.ts'
import { clipMessage, readFields } from './fields.ts'
import { encodeFrame, requireNoPayload, type Frame, type FrameParts } from './frame.ts'
import { limits } from './limits.ts'

/** Why the peer does not do what it was asked for: a message of every protocol that asks a single question. */
export interface Refused {
  readonly type: 'refused'
  readonly code: string
  readonly message: string
  /** Whether a repetition would be refused again. */
  readonly definite: boolean
}

/** Encodes a message without payload, or the refusal that answers it. */
export function encodeOrRefuse(message: { readonly type: keyof typeof codes } | Refused): FrameParts {
  const { type, ...fields } = message
  return encodeFrame(
    codes[type],
    'message' in message ? { ...fields, message: clipMessage(message.message) } : fields,
  )
}

/** @throws {ShoalError} `bad-frame` */
export function readRefused({ header, payload }: Pick<Frame, 'header' | 'payload'>): Refused {
  requireNoPayload('refused', payload)
  const fields = readFields('refused', header)
  return {
    type: 'refused',
    code: fields.id('code'),
    message: fields.text('message', limits.maxMessageBytes),
    definite: fields.flag('definite'),
  }
}
