import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import type { ICryptoInterface } from '@chainsafe/libp2p-noise'
import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto'

const tagBytes = 16
const algorithm = 'chacha20-poly1305'
/** Below this the WebAssembly cipher that noise brings is faster than a call into OpenSSL. */
const nativeFromBytes = 256

type Bytes = Parameters<ICryptoInterface['chaCha20Poly1305Encrypt']>[0]
const contiguous = (bytes: Bytes): Uint8Array => (bytes instanceof Uint8Array ? bytes : bytes.subarray())

/** Noise's cipher with the imported form of each key kept: importing was 18% of a small message's time. */
export function createCachedKeyCrypto(base: ICryptoInterface = defaultCrypto): ICryptoInterface {
  // A cipher state keeps one key array for its life, and lets go of it with the connection.
  const imported = new WeakMap<Uint8Array, KeyObject>()
  const importKey = (key: Uint8Array): KeyObject => {
    const known = imported.get(key)
    if (known !== undefined) return known
    const fresh = createSecretKey(key)
    imported.set(key, fresh)
    return fresh
  }
  return {
    ...base,
    chaCha20Poly1305Encrypt(plaintext, nonce, associated, key) {
      if (plaintext.byteLength < nativeFromBytes)
        return base.chaCha20Poly1305Encrypt(plaintext, nonce, associated, key)
      const cipher = createCipheriv(algorithm, importKey(key), nonce, { authTagLength: tagBytes })
      if (associated.byteLength > 0) cipher.setAAD(associated, { plaintextLength: plaintext.byteLength })
      const body = cipher.update(contiguous(plaintext))
      cipher.final()
      const sealed = Buffer.allocUnsafe(body.length + tagBytes)
      sealed.set(body, 0)
      sealed.set(cipher.getAuthTag(), body.length)
      return sealed
    },
    chaCha20Poly1305Decrypt(ciphertext, nonce, associated, key, into) {
      if (ciphertext.byteLength < nativeFromBytes)
        return base.chaCha20Poly1305Decrypt(ciphertext, nonce, associated, key, into)
      const sealed = contiguous(ciphertext)
      const bodyLength = sealed.length - tagBytes
      const decipher = createDecipheriv(algorithm, importKey(key), nonce, { authTagLength: tagBytes })
      if (associated.byteLength > 0) decipher.setAAD(associated, { plaintextLength: bodyLength })
      decipher.setAuthTag(sealed.subarray(bodyLength))
      const body = decipher.update(sealed.subarray(0, bodyLength))
      // Throws when the tag does not fit, before anyone sees a byte.
      decipher.final()
      return body
    },
  }
}
