import { randomBytes } from 'node:crypto'
import type { Random } from '../random.ts'

const uint32 = (): number => randomBytes(4).readUInt32LE(0)

/** The system's cryptographically secure randomness, fit for keys. */
export const systemRandom: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  uint32,
  unit: () => uint32() / 4294967296,
}
