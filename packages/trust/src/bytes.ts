import { sha256 } from '@noble/hashes/sha2.js'
import { limits } from './limits.ts'

const encoder = new TextEncoder()

export const textBytes = (text: string): Uint8Array => encoder.encode(text)

export function joinBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

export const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16))
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

/** SHA-256 of a text that names the purpose, and of bytes. */
export function hashFor(purpose: string, bytes: Uint8Array): Uint8Array {
  return sha256(joinBytes(textBytes(purpose), bytes))
}

/** The name of a swarm: whoever knows it can check which key is the swarm's root. */
export function swarmIdOf(rootKey: Uint8Array): Uint8Array {
  return hashFor('shoal-swarm:1:', rootKey).subarray(0, limits.swarmIdBytes)
}
