import { codes } from '../codes.ts'
import { readFields } from '../fields.ts'
import { badFrame, requireNoPayload, splitFrame, unknownCode, type FrameParts } from '../frame.ts'
import { limits } from '../limits.ts'
import { protocols } from '../protocols.ts'
import { encodeOrRefuse, readRefused, type Refused } from '../refused.ts'

/**
 * One end of a connection that two peers open at once through their routers (ICE, RFC 8445). Nothing in it authenticates
 * anybody: that is left to the encryption inside the connection.
 */
export interface PunchEnd {
  readonly fragment: string
  readonly password: string
  /** Where packets may be sent to: `/ip4/203.0.113.9/udp/40000`. */
  readonly candidates: readonly string[]
  /** The router gives each destination another port, so that the candidates are likely to lead nowhere. */
  readonly varies: boolean
}

/** Asks the peer at the other end of a relayed connection to open one without the relay. Answered by its end, or `refused`. */
export interface PunchOffer extends PunchEnd {
  readonly type: 'punch-offer'
}

export interface PunchAnswer extends PunchEnd {
  readonly type: 'punch-answer'
}

/** The answer has been read: from now on both send packets to the candidates of the other. */
export interface PunchGo {
  readonly type: 'punch-go'
}

export type PunchMessage = PunchOffer | PunchAnswer | PunchGo | Refused

/** Encodes an offer, its answer or its refusal. */
export function encodePunch(message: PunchMessage): FrameParts {
  return encodeOrRefuse(message)
}

/** @throws {ShoalError} `bad-frame` */
export function decodePunch(bytes: Uint8Array): PunchMessage {
  const { code, header, payload } = splitFrame(bytes)
  switch (code) {
    case codes['punch-offer']:
      requireNoPayload('punch-offer', payload)
      return { type: 'punch-offer', ...readEnd('punch-offer', header) }
    case codes['punch-answer']:
      requireNoPayload('punch-answer', payload)
      return { type: 'punch-answer', ...readEnd('punch-answer', header) }
    case codes['punch-go']:
      requireNoPayload('punch-go', payload)
      readFields('punch-go', header)
      return { type: 'punch-go' }
    case codes.refused:
      return readRefused({ header, payload })
    default:
      throw unknownCode(protocols.punch, code)
  }
}

function readEnd(name: string, header: Uint8Array): PunchEnd {
  const fields = readFields(name, header)
  const [fragment, password] = [fields.id('fragment', 32), fields.id('password', 64)]
  // The characters and lengths of RFC 8839: other ones would change the description that these become a part of.
  if (!/^[\w+/]{4,32}$/.test(fragment) || !/^[\w+/]{22,64}$/.test(password))
    throw badFrame(`${name}: a fragment has 4 and a password 22 characters at least, of the alphabet of ICE`)
  const candidates = fields.list('candidates', limits.punchCandidates, (value, where) => {
    if (typeof value === 'string' && /^\/ip[46]\/[\d.:a-f]{2,45}\/udp\/\d{1,5}$/.test(value)) return value
    throw badFrame(`${where} must be an IP address and a UDP port`)
  })
  return { fragment, password, candidates, varies: fields.flag('varies') }
}
