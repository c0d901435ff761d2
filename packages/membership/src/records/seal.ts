import type { Transport } from '@shoal/network'

export const signatureBytes = 64

/** Version of what is signed, by its kind. */
const formats = { word: 2, statement: 1, hardware: 1 } as const

export type Signer = Pick<Transport, 'sign' | 'verify'>

/**
 * The bytes to sign. The kind and the swarm's manifest id come before the body, so that a signature is valid for one kind
 * and one swarm only.
 */
export function signedBytes(kind: keyof typeof formats, swarm: string, body: Uint8Array): Uint8Array {
  const prefix = new TextEncoder().encode(`shoal-${kind}:${formats[kind]}:${swarm}:`)
  const bytes = new Uint8Array(prefix.length + body.length)
  bytes.set(prefix)
  bytes.set(body, prefix.length)
  return bytes
}
