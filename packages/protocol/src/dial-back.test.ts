import { ShoalError } from '@shoal/host'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeDialBack, encodeDialBack, type DialBackMessage } from './index.ts'

const join = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

/** The bytes of version 3. What to do when they change: golden.test.ts. */
const golden: readonly (readonly [DialBackMessage, string])[] = [
  [
    { type: 'dial-back', address: '/ip4/203.0.113.9/tcp/4001' },
    '80002400a1676164647265737378192f6970342f3230332e302e3131332e392f7463702f34303031',
  ],
  [{ type: 'dialled-back', answered: true }, '81000b00a168616e737765726564f500'],
  [
    { type: 'refused', code: 'no-capacity', message: 'no', definite: false },
    '02002700a364636f64656b6e6f2d6361706163697479676d657373616765626e6f68646566696e697465f40000000000',
  ],
]

test.each(golden)('%o has the bytes of version 3', (message, hex) => {
  expect(Buffer.from(join(encodeDialBack(message))).toString('hex')).toBe(hex)
  expect(decodeDialBack(join(encodeDialBack(message)))).toEqual(message)
})

test('any bytes are decoded or refused as ShoalError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeDialBack(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(ShoalError)
      }
    }),
  )
})
