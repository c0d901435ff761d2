import { ShoalError } from '@shoal/host'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { codes } from '../codes.ts'
import { encodeFrame } from '../frame.ts'
import { decodeDirect, encodeDirect, limits, protocols, type DirectMessage } from '../index.ts'

const join = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))
const key = Uint8Array.from({ length: limits.directKeyBytes }, (_, index) => index)
const offer = { type: 'direct-offer', port: 4001, identity: '00ff', key } as const

/** The bytes of version 1. What to do when they change: golden.test.ts. */
const golden: readonly (readonly [DirectMessage, string])[] = [
  [
    { type: 'direct-ask', channel: protocols.session },
    '50001a00a1676368616e6e656c702f73686f616c2f73657373696f6e2f330000',
  ],
  [
    offer,
    '51003d00a3636b65795820000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f64706f7274190fa1686964656e74697479643030666600000000000000',
  ],
  [
    { type: 'refused', code: 'no-capacity', message: 'no', definite: true },
    '02002700a364636f64656b6e6f2d6361706163697479676d657373616765626e6f68646566696e697465f50000000000',
  ],
]

describe('messages of direct channels', () => {
  test.each(golden)('%o has the bytes of version 3', (message, hex) => {
    expect(Buffer.from(join(encodeDirect(message))).toString('hex')).toBe(hex)
    expect(decodeDirect(join(encodeDirect(message)))).toEqual(message)
  })

  test.each([
    ['a key that is too short', { port: 1, identity: 'x', key: key.subarray(1) }],
    ['a key that is too long', { port: 1, identity: 'x', key: new Uint8Array(33) }],
    ['port 0', { port: 0, identity: 'x', key }],
    ['a port beyond 65535', { port: 65_536, identity: 'x', key }],
    ['an empty identity', { port: 1, identity: '', key }],
  ])('an offer with %s is refused', (_name, fields) => {
    expect(() => decodeDirect(join(encodeFrame(codes['direct-offer'], fields)))).toThrow(ShoalError)
  })

  test('any bytes are decoded or refused as ShoalError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeDirect(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(ShoalError)
        }
      }),
    )
  })
})
