import { createPublicKey, verify, type KeyObject } from 'node:crypto'
import {
  generateKeyPair,
  privateKeyFromProtobuf,
  privateKeyToProtobuf,
  publicKeyFromRaw,
} from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey, PublicKey } from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { ShoalError } from '@shoal/host'
import { limits } from '../limits.ts'

/** A new Ed25519 private key, as libp2p's protobuf: 68 bytes that only their owner may read. */
export async function createPeerKey(): Promise<Uint8Array> {
  return privateKeyToProtobuf(await generateKeyPair('Ed25519'))
}

/** The peer id that belongs to a private key. @throws {ShoalError} `bad-request` when the bytes are no such key */
export function peerIdOfKey(key: Uint8Array): string {
  return peerIdFromPrivateKey(readPeerKey(key)).toString()
}

/** @throws {ShoalError} `bad-request` */
export function readPeerKey(key: Uint8Array): Ed25519PrivateKey {
  let privateKey: ReturnType<typeof privateKeyFromProtobuf>
  try {
    privateKey = privateKeyFromProtobuf(key)
  } catch (error) {
    throw new ShoalError('bad-request', 'these bytes are not a private key in libp2p’s format', {
      cause: error,
    })
  }
  if (privateKey.type !== 'Ed25519')
    throw new ShoalError('bad-request', `a peer key must be Ed25519, this one is ${privateKey.type}`)
  return privateKey
}

/** The key inside a peer id; undefined for what is not the id of an Ed25519 key. */
export function publicKeyOf(peerId: string): PublicKey | undefined {
  try {
    const parsed = peerIdFromString(peerId)
    // Several texts encode one id. Only the canonical text counts, so that ids can be compared as text.
    return parsed.type === 'Ed25519' && parsed.toString() === peerId ? parsed.publicKey : undefined
  } catch {
    return undefined
  }
}

/**
 * Key objects of the peers whose signatures were checked last. Making one takes longer than checking a signature with it,
 * and the same peers sign again and again. 2,048 of them are two swarms of the largest size.
 */
const keptKeys = new Map<string, KeyObject>()
const maxKeptKeys = 2048

/** Whether the key inside `peerId` made `signature` over `bytes`; false for malformed input. */
export async function verifySignature(
  peerId: string,
  bytes: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (signature.length !== limits.signatureBytes) return false
  try {
    const key = keyObjectOf(peerId)
    return key !== undefined && verify(null, bytes, key, signature)
  } catch {
    // The 32 bytes are not a point on the curve: no key can sign for this id.
    return false
  }
}

function keyObjectOf(peerId: string): KeyObject | undefined {
  const kept = keptKeys.get(peerId)
  if (kept !== undefined) return kept
  const raw = publicKeyOf(peerId)?.raw
  if (raw === undefined) return undefined
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(raw).toString('base64url') },
    format: 'jwk',
  })
  const [oldest] = keptKeys.size < maxKeptKeys ? [] : keptKeys.keys()
  if (oldest !== undefined) keptKeys.delete(oldest)
  keptKeys.set(peerId, key)
  return key
}

/** The 32 bytes of the Ed25519 key inside a peer id; undefined for what is not the id of such a key. */
export function rawKeyOf(peerId: string): Uint8Array | undefined {
  return publicKeyOf(peerId)?.raw
}

/** The peer id of an Ed25519 public key of 32 bytes. */
export function peerIdOfRawKey(key: Uint8Array): string {
  return peerIdFromPublicKey(publicKeyFromRaw(key)).toString()
}

/** Whether an Ed25519 public key of 32 bytes made `signature` over `bytes`; false for malformed input. */
export async function verifyWithKey(
  key: Uint8Array,
  bytes: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  return await verifySignature(peerIdOfRawKey(key), bytes, signature)
}

/** What a private key of `createPeerKey` can do. @throws {ShoalError} `bad-request` when the bytes are no such key */
export function signerOf(privateKey: Uint8Array): {
  readonly key: Uint8Array
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>
} {
  const read = readPeerKey(privateKey)
  return { key: read.publicKey.raw, sign: async (bytes) => await read.sign(bytes) }
}
