import { decode, encode } from 'cborg'
import { ShoalError } from '@shoal/host'
import { sha256Hex } from '@shoal/model'
import { limits } from '@shoal/protocol'
import { memberLimits } from '../limits.ts'
import { signatureBytes, signedBytes, type Signer } from '../records/seal.ts'

/** A snapshot begins a document; a delta changes it. */
export type WordKind = 'snapshot' | 'delta'

/** What a word says besides its signature. */
export interface WordBody {
  /** Peer id of the owner, whose key signs the word. */
  readonly owner: string
  /** The life of the owner in which it said the word. */
  readonly incarnation: number
  /** 1, 2, 3 … within a life, without gaps. */
  readonly seq: number
  /** Number of the owner's document in this life: each snapshot begins the next one. */
  readonly generation: number
  readonly kind: WordKind
  /** {@link hashOfBody} of the word before it; zeros for the first one of a life. */
  readonly prev: Uint8Array
  /** A yjs update, format 1. */
  readonly update: Uint8Array
}

/** A word as it travels: `signature(64) ‖ deterministic CBOR of the body's fields in this order`. */
export interface Word extends WordBody {
  readonly bytes: Uint8Array
}

/** Bytes of the hash that links a word to the one before it. */
const hashBytes = 16
/** `prev` of the first word of a life. */
export const noPrev: Uint8Array = new Uint8Array(hashBytes)

/** The signed part of a word. */
export function bodyOf(word: Pick<Word, 'bytes'>): Uint8Array {
  return word.bytes.subarray(signatureBytes)
}

/** The hash by which the next word names this one. */
export function hashOfBody(body: Uint8Array): Uint8Array {
  return fromHex(sha256Hex(body).slice(0, 2 * hashBytes))
}

/**
 * The yjs client id of an owner's document. It follows from the header, so no other owner can occupy it, and it is new with
 * each document.
 */
export function clientOf({ owner, incarnation, generation }: WordBody): number {
  const text = `shoal-client:${owner}:${incarnation}:${generation}`
  return Number.parseInt(sha256Hex(new TextEncoder().encode(text)).slice(0, 8), 16)
}

/** @throws {ShoalError} `limit-exceeded` when every reader would refuse the word for its length */
export async function sealWord(signer: Pick<Signer, 'sign'>, swarm: string, body: WordBody): Promise<Word> {
  const word = await sealBody(signer, swarm, body)
  if (word.bytes.length > limits.maxWordBytes)
    throw new ShoalError(
      'limit-exceeded',
      `a word of ${word.bytes.length} bytes is over the limit of ${limits.maxWordBytes}`,
    )
  return word
}

/** A word of any length. */
export async function sealBody(signer: Pick<Signer, 'sign'>, swarm: string, body: WordBody): Promise<Word> {
  const { owner, incarnation, seq, generation, kind, prev, update } = body
  const encoded = encode([owner, incarnation, seq, generation, kind === 'snapshot' ? 0 : 1, prev, update])
  const bytes = new Uint8Array(signatureBytes + encoded.length)
  bytes.set(await signer.sign(signedBytes('word', swarm, encoded)))
  bytes.set(encoded, signatureBytes)
  return { ...body, bytes }
}

/** Whether the owner that a word names has signed it. */
export function verifyWord(signer: Pick<Signer, 'verify'>, swarm: string, word: Word): Promise<boolean> {
  return signer.verify(
    word.owner,
    signedBytes('word', swarm, bodyOf(word)),
    word.bytes.subarray(0, signatureBytes),
  )
}

/**
 * Reads a word without checking its signature. The bytes are copied, because a view would keep a whole frame in memory.
 * @throws {ShoalError} `bad-frame` for anything that is not a word
 */
export function readWord(received: Uint8Array): Word {
  if (received.length <= signatureBytes || received.length > limits.maxWordBytes)
    throw refuse(`${received.length} bytes are not the length of a word`)
  const bytes = received.slice()
  const fields = parse(bytes.subarray(signatureBytes))
  if (!Array.isArray(fields) || fields.length !== 7) throw refuse('it is not a list of seven fields')
  const [owner, incarnation, seq, generation, kind, prev, update]: unknown[] = fields
  if (typeof owner !== 'string' || owner.length === 0 || owner.length > memberLimits.maxPeerIdLength)
    throw refuse('its owner is not a peer id')
  if (kind !== 0 && kind !== 1) throw refuse('it is neither a snapshot nor a delta')
  if (!(prev instanceof Uint8Array) || prev.length !== hashBytes) throw refuse('its link is not a hash')
  if (!(update instanceof Uint8Array)) throw refuse('its update is not bytes')
  return {
    owner,
    incarnation: count(incarnation, 'incarnation'),
    seq: count(seq, 'number'),
    generation: count(generation, 'generation'),
    kind: kind === 0 ? 'snapshot' : 'delta',
    prev,
    update,
    bytes,
  }
}

function parse(body: Uint8Array): unknown {
  try {
    return decode(body, { allowIndefinite: false, allowUndefined: false, useMaps: true })
  } catch (cause) {
    throw refuse('its CBOR is damaged', cause)
  }
}

function count(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw refuse(`its ${name} is not a whole number`)
  return value
}

function refuse(why: string, cause?: unknown): ShoalError {
  return new ShoalError('bad-frame', `a word was refused: ${why}`, { cause })
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, index) =>
    Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16),
  )
}
