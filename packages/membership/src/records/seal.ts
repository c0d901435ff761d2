import type { Transport } from '@shoal/network'
import { decodeBeatBody, encodeBeatBody, type Beat, type BeatBody } from '@shoal/protocol'

export const signatureBytes = 64

/** Version of what is signed, by its kind. */
const formats = { word: 2, beat: 1, hardware: 1 } as const

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

export async function sealBeat(signer: Signer, swarm: string, peer: string, body: BeatBody): Promise<Beat> {
  const bytes = encodeBeatBody(body)
  return {
    type: 'beat',
    peer,
    body: bytes,
    signature: await signer.sign(signedBytes('beat', swarm, bytes)),
  }
}

/**
 * Decodes a beat without verifying it, so that a repeated beat costs no signature check.
 * @throws {ShoalError} `bad-frame`
 */
export function readBeat(beat: Beat): BeatBody {
  return decodeBeatBody(beat.body)
}

export function verifyBeat(signer: Signer, swarm: string, beat: Beat): Promise<boolean> {
  return signer.verify(beat.peer, signedBytes('beat', swarm, beat.body), beat.signature)
}
