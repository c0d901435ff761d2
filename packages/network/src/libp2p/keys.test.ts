import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { verifySignature } from './keys.ts'

test('any 32 bytes may be inside a peer id, and any signature beside them: it is false, never an error', async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
    fc.constantFrom(0, 0xff, 0x80).map((value) => new Uint8Array(32).fill(value)),
  )
  await fc.assert(
    fc.asyncProperty(
      bytes,
      fc.uint8Array({ minLength: 64, maxLength: 64 }),
      fc.uint8Array({ minLength: 1, maxLength: 8 }),
      async (key, signature, text) => {
        const peerId = peerIdFromPublicKey(publicKeyFromRaw(key)).toString()
        expect(await verifySignature(peerId, text, signature)).toBe(false)
      },
    ),
  )
})

test.each(['', 'nonsense', 'a/b', '__proto__', '\ud800', 'Qm', '12D3KooW'])(
  'a text that is not a peer id, such as "%s", has signed nothing',
  async (peerId) => {
    expect(await verifySignature(peerId, new Uint8Array(1), new Uint8Array(64))).toBe(false)
  },
)
