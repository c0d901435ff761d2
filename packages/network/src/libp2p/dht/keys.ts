import { createHash } from 'node:crypto'
import { ShoalError } from '@shoal/host'
import { base32 } from 'multiformats/bases/base32'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { create as createDigest } from 'multiformats/hashes/digest'

/** One protocol for all Shoal peers: those of other models are the way to those of ours. */
export const dhtProtocol = '/shoal/kad/1'

/** First part of a record's key; libp2p finds validator and selector by it. */
export const recordNamespace = 'shoal'

const prefix = `/${recordNamespace}/`
const sha256Code = 0x12

/** Where a topic's entries live. */
export function topicId(topic: string): CID {
  const hash = createHash('sha256').update(`shoal-topic:${topic}`).digest()
  return CID.createV1(raw.code, createDigest(sha256Code, new Uint8Array(hash)))
}

/** Where an owner's record lives. */
export function recordKey(owner: string): Uint8Array {
  return new TextEncoder().encode(prefix + owner)
}

/** @throws {ShoalError} `bad-frame` for the key of anything else */
export function ownerOf(key: Uint8Array): string {
  const text = new TextDecoder().decode(key)
  if (!text.startsWith(prefix) || text.length === prefix.length)
    throw new ShoalError('bad-frame', 'the directory holds records of peers only')
  return text.slice(prefix.length)
}

/** What libp2p's datastore keys are made of: base32 of a key or a multihash. */
export const decodeStoreKey = (text: string): Uint8Array => base32.baseDecode(text)
