import { createHash } from 'node:crypto'
import type { Hasher } from './hasher.ts'

/** sha256 by the platform's library. */
export function createNodeHasher(): Hasher {
  const hash = createHash('sha256')
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => hash.digest('hex'),
  }
}
