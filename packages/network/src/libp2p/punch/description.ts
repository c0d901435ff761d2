import type { PunchEnd } from '@shoal/protocol'
import type { Place } from './stun-message.ts'

/** Largest message of the data channel: what SCTP sends in one piece does not delay a small frame behind it by much. */
export const messageBytes = 32 * 1024

/** Of a certificate that nobody compares: see `Link`. */
const noFingerprint = Array.from({ length: 32 }, () => '00').join(':')

/**
 * The session description (RFC 8841) of one end, written from fields that have been checked: what a peer sends never
 * reaches the parser of the native library as text of its own. Candidates follow later, since the library may begin the
 * handshake before it has noted the description that it is being given.
 */
export function describe(end: PunchEnd, type: 'offer' | 'answer'): string {
  return [
    'v=0',
    'o=shoal 1 0 IN IP4 0.0.0.0',
    's=-',
    't=0 0',
    'a=group:BUNDLE 0',
    'a=ice-options:ice2',
    `a=fingerprint:sha-256 ${noFingerprint}`,
    'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
    'c=IN IP4 0.0.0.0',
    'a=mid:0',
    'a=sendrecv',
    'a=sctp-port:5000',
    `a=max-message-size:${messageBytes}`,
    `a=setup:${type === 'offer' ? 'actpass' : 'active'}`,
    `a=ice-ufrag:${end.fragment}`,
    `a=ice-pwd:${end.password}`,
    '',
  ].join('\r\n')
}

/** One candidate, as the native library reads it. */
export const describeCandidate = ({ ip, port }: Place, index: number): string =>
  `candidate:${index + 1} 1 UDP ${2_113_937_151 - index} ${ip} ${port} typ host`

/** What the native library says of its own end. @throws {TypeError} when it says it in another way */
export function readDescription(text: string): Omit<PunchEnd, 'candidates' | 'varies'> & {
  readonly candidates: readonly (Place & { readonly reflexive: boolean })[]
} {
  const found = (pattern: RegExp): string => {
    const value = pattern.exec(text)?.[1]
    if (value === undefined)
      throw new TypeError(`a description of the native library has no ${pattern.source}`)
    return value
  }
  const candidates = [...text.matchAll(/^a=candidate:\S+ 1 UDP \d+ (\S+) (\d+) typ (host|srflx)/gm)]
  return {
    fragment: found(/^a=ice-ufrag:(\S+)/m),
    password: found(/^a=ice-pwd:(\S+)/m),
    candidates: candidates.map(([, ip = '', port = '', kind]) => ({
      ip,
      port: Number(port),
      reflexive: kind === 'srflx',
    })),
  }
}
