import { decodeBeat, encodeBeat, type Beat } from './beat.ts'
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
  /** News that the sender passes on, rather than an answer: a neighbour that has all of it already asks for no more. */
  readonly pushed: boolean
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

/** Signed statements about lives: the peer itself says that it is alive, or another one that it is not. */
export interface MembersStatements {
  readonly type: 'statements'
  readonly pushed: boolean
  readonly statements: readonly Uint8Array[]
}

/** The lives that the sender holds alive, each as a salted hash. Answered as a vector is. */
export interface MembersRoll {
  readonly type: 'roll'
  readonly salt: number
  readonly answer: boolean
  readonly hashes: Uint32Array
}

/** The sender has news from others first: the receiver pushes none to it while `lazy` holds. */
export interface MembersPrune {
  readonly type: 'prune'
  readonly lazy: boolean
}

export type MembersMessage =
  | MembersWords
  | MembersVector
  | MembersWant
  | MembersProof
  | MembersStatements
  | MembersRoll
  | MembersPrune
  | Beat

/** Encodes a membership message. Words and hashes are the payload of the frame. */
export function encodeMembers(message: MembersMessage): FrameParts {
  switch (message.type) {
    case 'words':
      return encodeFrame(codes.words, { pushed: message.pushed }, joinLists(message.words))
    case 'statements':
      return encodeFrame(codes.statements, { pushed: message.pushed }, joinLists(message.statements))
    case 'proof':
      return encodeFrame(codes.proof, {}, joinLists(message.words))
    case 'vector': {
      const { swarm, salt, answer, hashes } = message
      return encodeFrame(codes.vector, { swarm, salt, answer }, encodeHashes(hashes))
    }
    case 'roll':
      return encodeFrame(
        codes.roll,
        { salt: message.salt, answer: message.answer },
        encodeHashes(message.hashes),
      )
    case 'want':
      return encodeFrame(codes.want, { owner: message.owner })
    case 'prune':
      return encodeFrame(codes.prune, { lazy: message.lazy })
    case 'beat':
      return encodeBeat(message)
  }
}

/** Decodes a membership message, whose byte fields are views into the frame. @throws {ShoalError} `bad-frame` */
export function decodeMembers(bytes: Uint8Array): MembersMessage {
  const { code, header, payload } = splitFrame(bytes)
  switch (code) {
    case codes.words:
      return {
        type: 'words',
        pushed: readFields('words', header).flag('pushed'),
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
        hashes: decodeHashes('vector', payload),
      }
    }
    case codes.want:
      requireNoPayload('want', payload)
      return { type: 'want', owner: readFields('want', header).id('owner', limits.maxNameLength) }
    case codes.statements:
      return {
        type: 'statements',
        pushed: readFields('statements', header).flag('pushed'),
        statements: splitList('statements', payload, limits.maxStatementBytes, limits.maxWordsBytes),
      }
    case codes.roll: {
      const fields = readFields('roll', header)
      return {
        type: 'roll',
        salt: fields.integer('salt', 0, 0xffffffff),
        answer: fields.flag('answer'),
        hashes: decodeHashes('roll', payload),
      }
    }
    case codes.prune:
      requireNoPayload('prune', payload)
      return { type: 'prune', lazy: readFields('prune', header).flag('lazy') }
    case codes.beat:
      readFields('beat', header)
      return decodeBeat(payload)
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

function decodeHashes(name: string, payload: Uint8Array): Uint32Array {
  if (payload.length % 4 !== 0 || payload.length > 4 * limits.maxMembers)
    throw badFrame(`${name}: ${payload.length} bytes are not at most ${limits.maxMembers} hashes`)
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  return Uint32Array.from({ length: payload.length / 4 }, (_, index) => view.getUint32(4 * index, true))
}
