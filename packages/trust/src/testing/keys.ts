import { ed25519 } from '@noble/curves/ed25519.js'
import type { Sign, Verify } from '../grant.ts'

export interface TestKey {
  readonly key: Uint8Array
  readonly sign: Sign
}

/** An Ed25519 key whose private half is one repeated byte: the same bytes in every run. */
export function testKey(byte: number): TestKey {
  const secret = new Uint8Array(32).fill(byte)
  return {
    key: ed25519.getPublicKey(secret),
    sign: (bytes) => Promise.resolve(ed25519.sign(bytes, secret)),
  }
}

export const verify: Verify = (key, bytes, signature) =>
  Promise.resolve(signature.length === 64 && ed25519.verify(signature, bytes, key))
