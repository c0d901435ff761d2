import { ShoalError } from '@shoal/host'
import type { Transport } from '@shoal/network'
import { decodeBeatBody, encodeBeatBody, limits, type Beat, type BeatBody } from '@shoal/protocol'
import { decodeRecord, encodeRecord, type MemberRecord } from './record.ts'

export const signatureBytes = 64

/** A record with its signed bytes: `signature(64) ‖ CBOR`. */
export interface SealedRecord {
  readonly record: MemberRecord
  readonly bytes: Uint8Array
}

export type Signer = Pick<Transport, 'sign' | 'verify'>

/**
 * The bytes to sign. The kind and the swarm's manifest id come before the body, so that a signature is valid for one kind
 * and one swarm only.
 */
export function signedBytes(
  kind: 'member' | 'beat' | 'hardware',
  swarm: string,
  body: Uint8Array,
): Uint8Array {
  const prefix = new TextEncoder().encode(`shoal-${kind}:1:${swarm}:`)
  const bytes = new Uint8Array(prefix.length + body.length)
  bytes.set(prefix)
  bytes.set(body, prefix.length)
  return bytes
}

/** @throws {ShoalError} `limit-exceeded` when the record would be refused by every reader */
export async function sealRecord(signer: Signer, swarm: string, record: MemberRecord): Promise<SealedRecord> {
  const body = encodeRecord(record)
  if (body.length > limits.maxRecordBytes) {
    throw new ShoalError(
      'limit-exceeded',
      `a member record of ${body.length} bytes is over the limit of ${limits.maxRecordBytes}`,
    )
  }
  const bytes = new Uint8Array(signatureBytes + body.length)
  bytes.set(await signer.sign(signedBytes('member', swarm, body)))
  bytes.set(body, signatureBytes)
  return { record, bytes }
}

/** @throws {ShoalError} `bad-frame` unless the bytes are a record that is signed by the peer it names */
export async function openRecord(signer: Signer, swarm: string, bytes: Uint8Array): Promise<SealedRecord> {
  if (bytes.length <= signatureBytes)
    throw new ShoalError('bad-frame', 'a member record is shorter than its signature')
  const body = bytes.subarray(signatureBytes)
  const record = decodeRecord(body)
  if (
    !(await signer.verify(
      record.peerId,
      signedBytes('member', swarm, body),
      bytes.subarray(0, signatureBytes),
    ))
  ) {
    throw new ShoalError('bad-frame', `a member record that names ${record.peerId} is not signed by it`)
  }
  // Copied, because the caller's bytes are a view that would keep a whole network frame in memory.
  return { record, bytes: bytes.slice() }
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
