import { codes } from './codes.ts'
import { clipMessage, readFields } from './fields.ts'
import { encodeFrame, requireNoPayload, splitFrame, unknownCode, type FrameParts } from './frame.ts'
import type { Refused } from './hello.ts'
import { limits } from './limits.ts'
import { protocols } from './protocols.ts'

/** Asks a member whether it can dial the sender at this address, which must be the one from which the sender is connected. */
export interface DialBackAsk {
  readonly type: 'dial-back'
  readonly address: string
}

/** Whether a peer of Shoal or another libp2p answered there. */
export interface DialledBack {
  readonly type: 'dialled-back'
  readonly answered: boolean
}

export type DialBackMessage = DialBackAsk | DialledBack | Refused

export function encodeDialBack(message: DialBackMessage): FrameParts {
  const { type, ...fields } = message
  if (message.type === 'refused')
    return encodeFrame(codes[type], { ...fields, message: clipMessage(message.message) })
  return encodeFrame(codes[type], fields)
}

/** @throws {ShoalError} `bad-frame` */
export function decodeDialBack(bytes: Uint8Array): DialBackMessage {
  const { code, header, payload } = splitFrame(bytes)
  switch (code) {
    case codes['dial-back']:
      requireNoPayload('dial-back', payload)
      return {
        type: 'dial-back',
        address: readFields('dial-back', header).text('address', limits.maxAddressBytes),
      }
    case codes['dialled-back']:
      requireNoPayload('dialled-back', payload)
      return { type: 'dialled-back', answered: readFields('dialled-back', header).flag('answered') }
    case codes.refused: {
      requireNoPayload('refused', payload)
      const fields = readFields('refused', header)
      return {
        type: 'refused',
        code: fields.id('code'),
        message: fields.text('message', limits.maxMessageBytes),
        definite: fields.flag('definite'),
      }
    }
    default:
      throw unknownCode(protocols.dialBack, code)
  }
}
