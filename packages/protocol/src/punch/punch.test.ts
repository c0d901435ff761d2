import { ShoalError } from '@shoal/host'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { codes } from '../codes.ts'
import { encodeFrame } from '../frame.ts'
import { decodePunch, encodePunch, type PunchEnd, type PunchMessage } from '../index.ts'

const join = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))
const end: PunchEnd = {
  fragment: '9jEB',
  password: 'ncIuQQUjJCaqTzVZiO5ARh',
  candidates: ['/ip4/203.0.113.9/udp/40000', '/ip6/2001:db8::1/udp/1024'],
  varies: false,
}
const messages: readonly PunchMessage[] = [
  { type: 'punch-offer', ...end },
  { type: 'punch-answer', ...end, candidates: [], varies: true },
  { type: 'punch-go' },
  { type: 'refused', code: 'not-ready', message: 'no', definite: true },
]

test.each(messages)('%o is read as it was written', (message) => {
  expect(decodePunch(join(encodePunch(message)))).toEqual(message)
})

test.each([
  ['a fragment that ends a line', { fragment: 'abcd\r\na=x' }],
  ['a short fragment', { fragment: 'abc' }],
  ['a short password', { password: 'a'.repeat(21) }],
  ['a password with a space', { password: `${'a'.repeat(21)} b` }],
  ['a name in place of an address', { candidates: ['/dns4/example.org/udp/4000'] }],
  ['a candidate over TCP', { candidates: ['/ip4/203.0.113.9/tcp/4000'] }],
  ['a candidate that ends a line', { candidates: ['/ip4/203.0.113.9/udp/4000\n'] }],
  ['five candidates', { candidates: Array.from({ length: 5 }, () => '/ip4/203.0.113.9/udp/4000') }],
])('an offer with %s is refused', (_name, change) => {
  expect(() => decodePunch(join(encodeFrame(codes['punch-offer'], { ...end, ...change })))).toThrow(
    ShoalError,
  )
})

test('any bytes are decoded or refused as ShoalError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodePunch(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(ShoalError)
      }
    }),
  )
})
