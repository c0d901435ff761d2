import { encode } from 'cborg'
import { codes } from './codes.ts'
import { readFields } from './fields.ts'
import {
  badFrame,
  encodeFrame,
  noPayload,
  requireNoPayload,
  splitFrame,
  unknownCode,
  type FrameParts,
} from './frame.ts'
import { limits } from './limits.ts'
import { joinLists, splitList } from './byte-lists.ts'
import { protocols } from './protocols.ts'

/** Signed words of any owners, in the order in which they are to be read. */
export interface MembersWords {
  readonly type: 'words'
  readonly words: readonly Uint8Array[]
}

/**
 * What the sender knows: for each owner a salted hash of the newest word. The first message on each channel, and sent to
 * one neighbour now and then. The receiver answers with the words whose hashes are not listed, and asks in the same way
 * when a hash is unknown to it.
 */
export interface MembersVector {
  readonly type: 'vector'
  /** The swarm's manifest id. */
  readonly swarm: string
  /** Makes an accidental collision of two hashes last for one vector only. */
  readonly salt: number
  /** This vector answers another one, and is not answered by a vector. */
  readonly answer: boolean
  readonly hashes: Uint32Array
}

/** Asks for all words that are kept of one owner. */
export interface MembersWant {
  readonly type: 'want'
  readonly owner: string
}

/** Two different words of one owner with the same incarnation and number. */
export interface MembersProof {
  readonly type: 'proof'
  readonly words: readonly Uint8Array[]
}

/** A signed heartbeat, which every member forwards. `body` is the deterministic CBOR of {@link BeatBody}. */
export interface Beat {
  readonly type: 'beat'
  readonly peer: string
  readonly body: Uint8Array
  readonly signature: Uint8Array
}

export interface BeatBody {
  readonly incarnation: number
  /** Counts up within an incarnation. */
  readonly beat: number
  /** Number of open sessions. */
  readonly sessions: number
  /** Share of the last interval spent computing, in thousandths. */
  readonly busyPermille: number
}

export type MembersMessage = MembersWords | MembersVector | MembersWant | MembersProof | Beat

/** Encodes a membership message. Words and hashes are the payload of the frame. */
export function encodeMembers(message: MembersMessage): FrameParts {
  switch (message.type) {
    case 'words':
    case 'proof':
      return encodeFrame(codes[message.type], {}, joinLists(message.words))
    case 'vector': {
      const { swarm, salt, answer, hashes } = message
      return encodeFrame(codes.vector, { swarm, salt, answer }, encodeHashes(hashes))
    }
    case 'want':
      return encodeFrame(codes.want, { owner: message.owner })
    case 'beat': {
      const { type, ...fields } = message
      return encodeFrame(codes[type], fields)
    }
  }
}

/** Decodes a membership message, whose byte fields are views into the frame. @throws {ShoalError} `bad-frame` */
export function decodeMembers(bytes: Uint8Array): MembersMessage {
  const { code, header, payload } = splitFrame(bytes)
  switch (code) {
    case codes.words:
      readFields('words', header)
      return {
        type: 'words',
        words: splitList('words', payload, limits.maxWordBytes, limits.maxWordsBytes),
      }
    case codes.proof: {
      readFields('proof', header)
      const words = splitList('proof', payload, limits.maxWordBytes, limits.maxWordsBytes)
      if (words.length !== 2) throw badFrame(`proof: ${words.length} words where two are needed`)
      return { type: 'proof', words }
    }
    case codes.vector: {
      const fields = readFields('vector', header)
      return {
        type: 'vector',
        swarm: fields.id('swarm', limits.maxNameLength),
        salt: fields.integer('salt', 0, 0xffffffff),
        answer: fields.flag('answer'),
        hashes: decodeHashes(payload),
      }
    }
    case codes.want:
      requireNoPayload('want', payload)
      return { type: 'want', owner: readFields('want', header).id('owner', limits.maxNameLength) }
    case codes.beat: {
      requireNoPayload('beat', payload)
      const fields = readFields('beat', header)
      const signature = fields.bytes('signature', limits.signatureBytes)
      if (signature.length !== limits.signatureBytes)
        throw badFrame(`beat: signature must have ${limits.signatureBytes} bytes`)
      return {
        type: 'beat',
        peer: fields.id('peer'),
        body: fields.bytes('body', limits.maxBeatBytes),
        signature,
      }
    }
    default:
      throw unknownCode(protocols.members, code)
  }
}

function encodeHashes(hashes: Uint32Array): Uint8Array {
  if (hashes.length === 0) return noPayload
  const bytes = new Uint8Array(4 * hashes.length)
  const view = new DataView(bytes.buffer)
  for (const [index, hash] of hashes.entries()) view.setUint32(4 * index, hash, true)
  return bytes
}

function decodeHashes(payload: Uint8Array): Uint32Array {
  if (payload.length % 4 !== 0 || payload.length > 4 * limits.maxMembers)
    throw badFrame(`vector: ${payload.length} bytes are not at most ${limits.maxMembers} hashes`)
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  return Uint32Array.from({ length: payload.length / 4 }, (_, index) => view.getUint32(4 * index, true))
}

/** The bytes that a beat's owner signs: deterministic CBOR, so that equal beats are equal bytes. */
export function encodeBeatBody(body: BeatBody): Uint8Array {
  return encode(body)
}

/** @throws {ShoalError} `bad-frame` */
export function decodeBeatBody(bytes: Uint8Array): BeatBody {
  if (bytes.length > limits.maxBeatBytes)
    throw badFrame(`beat body: ${bytes.length} bytes are over the limit of ${limits.maxBeatBytes}`)
  const fields = readFields('beat body', bytes)
  return {
    incarnation: fields.integer('incarnation'),
    beat: fields.integer('beat'),
    sessions: fields.integer('sessions'),
    busyPermille: fields.integer('busyPermille', 0, 1000),
  }
}
