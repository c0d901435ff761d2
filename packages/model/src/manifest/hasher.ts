import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'

/** A running sha256. */
export interface Hasher {
  update(bytes: Uint8Array): void
  /** Lower-case hex; ends the hasher. */
  digest(): string
}

/** sha256 in plain JavaScript, for browsers; `@shoal/model/node` uses the native one, several times faster. */
export function createPortableHasher(): Hasher {
  const hash = sha256.create()
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => bytesToHex(hash.digest()),
  }
}

/** sha256 of one piece of bytes, lower-case hex. */
export function sha256Hex(bytes: Uint8Array): string {
  return bytesToHex(sha256(bytes))
}
