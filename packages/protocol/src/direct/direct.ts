import { codes } from '../codes.ts'
import { readFields, type Fields } from '../fields.ts'
import { badFrame, requireNoPayload, splitFrame, unknownCode, type FrameParts } from '../frame.ts'
import { limits } from '../limits.ts'
import { protocols } from '../protocols.ts'
import { encodeOrRefuse, readRefused, type Refused } from '../refused.ts'

/** Asks for a channel over a TCP socket of its own. Answered by an offer or `refused`. */
export interface DirectAsk {
  readonly type: 'direct-ask'
  /** Protocol id of the channel. */
  readonly channel: string
}

/**
 * Where and how to connect: to this port, at the address at which the peer is already connected, by TLS with this
 * pre-shared key. An offer is good for one connection within a short time.
 */
export interface DirectOffer {
  readonly type: 'direct-offer'
  readonly port: number
  /** Identity of the pre-shared key. */
  readonly identity: string
  /** `limits.directKeyBytes` random bytes. */
  readonly key: Uint8Array
}

export type DirectMessage = DirectAsk | DirectOffer | Refused

/** Encodes a request for a direct channel, its offer or its refusal. */
export function encodeDirect(message: DirectMessage): FrameParts {
  return encodeOrRefuse(message)
}

/** @throws {ShoalError} `bad-frame` */
export function decodeDirect(bytes: Uint8Array): DirectMessage {
  const { code, header, payload } = splitFrame(bytes)
  switch (code) {
    case codes['direct-ask']:
      requireNoPayload('direct-ask', payload)
      return { type: 'direct-ask', channel: readFields('direct-ask', header).id('channel') }
    case codes['direct-offer']: {
      requireNoPayload('direct-offer', payload)
      const fields = readFields('direct-offer', header)
      return { type: 'direct-offer', ...readOffer('direct-offer', fields) }
    }
    case codes.refused:
      return readRefused({ header, payload })
    default:
      throw unknownCode(protocols.direct, code)
  }
}

/** Reads port, identity and key of an offer. @throws {ShoalError} `bad-frame` */
export function readOffer(name: string, fields: Fields): Pick<DirectOffer, 'port' | 'identity' | 'key'> {
  const key = fields.bytes('key', limits.directKeyBytes)
  if (key.length !== limits.directKeyBytes)
    throw badFrame(`${name}: a key has ${limits.directKeyBytes} bytes, not ${key.length}`)
  return { port: fields.integer('port', 1, 65_535), identity: fields.id('identity'), key }
}
