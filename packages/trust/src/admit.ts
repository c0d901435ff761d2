import { encode } from 'cborg'
import { limits } from './limits.ts'
import { badFrame, decodeValue, Items } from './read.ts'
import { refusalCodes, type RefusalCode } from './refusal.ts'
import { roles, type Role } from './roles.ts'

/** A swarm's secret, which opens its door. */
export interface SwarmSecret {
  readonly secret: Uint8Array
  /** Seconds since 1970 after which it opens nothing any more; null for the present secret. */
  readonly until: number | null
}

/** The first frame on a connection, from the peer that dialled: who it is. */
export interface Admit {
  readonly type: 'admit'
  readonly swarm: Uint8Array
  /** The least role that will do for what the peer wants to do. */
  readonly wants: Role
  /** The peer's grant, and those of its issuers; empty behind the door of an invite. */
  readonly chain: readonly Uint8Array[]
}

/** The answer that lets a peer in, and says who answers. */
export interface Welcome {
  readonly type: 'welcome'
  readonly swarm: Uint8Array
  readonly chain: readonly Uint8Array[]
  readonly gift: Gift | null
}

/** What an admin gives a newcomer, or a member whose grant ends soon. */
export interface Gift {
  /** The receiver's new grant and those of its issuers. */
  readonly chain: readonly Uint8Array[]
  readonly secrets: readonly SwarmSecret[]
}

export interface Refused {
  readonly type: 'refused'
  readonly code: RefusalCode
}

export type Answer = Welcome | Refused

/** First item of each frame; the version of the grammar is part of it. */
const kinds = { admit: 1, welcome: 2, refused: 3 } as const

export function encodeAdmit({ swarm, wants, chain }: Omit<Admit, 'type'>): Uint8Array {
  return encode([kinds.admit, swarm, wants, chain])
}

export function encodeWelcome({ swarm, chain, gift }: Omit<Welcome, 'type'>): Uint8Array {
  return encode([kinds.welcome, swarm, chain, gift === null ? null : giftItems(gift)])
}

/** A gift as items of a CBOR list. */
export const giftItems = ({ chain, secrets }: Gift): readonly unknown[] => [
  chain,
  secrets.map(({ secret, until }) => [secret, until ?? 0]),
]

export const encodeRefused = (code: RefusalCode): Uint8Array => encode([kinds.refused, code])

/** @throws {ShoalError} `bad-frame` */
export function decodeAdmit(bytes: Uint8Array): Admit {
  const items = new Items('admit', decodeValue('admit', bytes, limits.maxFrameBytes), 4)
  items.integer(0, kinds.admit, kinds.admit)
  return {
    type: 'admit',
    swarm: items.bytes(1, limits.swarmIdBytes),
    wants: items.choice(2, roles),
    chain: items.list(3, limits.maxChain, readGrantBytes),
  }
}

/** @throws {ShoalError} `bad-frame` */
export function decodeAnswer(bytes: Uint8Array): Answer {
  const value = decodeValue('answer', bytes, limits.maxFrameBytes)
  if (Array.isArray(value) && value[0] === kinds.refused)
    return { type: 'refused', code: new Items('refused', value, 2).choice(1, refusalCodes) }
  const items = new Items('welcome', value, 4)
  items.integer(0, kinds.welcome, kinds.welcome)
  return {
    type: 'welcome',
    swarm: items.bytes(1, limits.swarmIdBytes),
    chain: items.list(2, limits.maxChain, readGrantBytes),
    gift: items.at(3) === null ? null : readGift(items.at(3)),
  }
}

/** @throws {ShoalError} `bad-frame` */
export function readGift(value: unknown): Gift {
  const items = new Items('gift', value, 2)
  return {
    chain: items.list(0, limits.maxChain, readGrantBytes),
    secrets: items.list(1, limits.maxSecrets, (each) => {
      const pair = new Items('secret', each, 2)
      const until = pair.seconds(1)
      return { secret: pair.bytes(0, limits.secretBytes), until: until === 0 ? null : until }
    }),
  }
}

/** The bytes of one grant, whose content is read when the chain is judged. */
function readGrantBytes(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length > limits.maxGrantBytes)
    throw badFrame(`a grant must be at most ${limits.maxGrantBytes} bytes`)
  return value
}
