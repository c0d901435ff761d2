import { codes } from './codes.ts'
import { readFields } from './fields.ts'
import { requireNoPayload, splitFrame, unknownCode, type FrameParts } from './frame.ts'
import { limits } from './limits.ts'
import { protocols } from './protocols.ts'
import { encodeOrRefuse, readRefused, type Refused } from './refused.ts'

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
  return encodeOrRefuse(message)
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
    case codes.refused:
      return readRefused({ header, payload })
    default:
      throw unknownCode(protocols.dialBack, code)
  }
}
