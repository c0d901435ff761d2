import { encode } from 'cborg'
import { giftItems, readGift, type Gift } from '../admit.ts'
import { limits } from '../limits.ts'
import { badFrame, decodeValue, Items } from '../read.ts'
import { refusalCodes, type RefusalCode } from '../refusal.ts'
import { roles, type Role } from '../roles.ts'

/** The newcomer asks for a run. */
export interface PairingBegin {
  readonly nonce: Uint8Array
  readonly wants: Role
}

/** The member's share of the run. */
export interface PairingOffer {
  readonly type: 'offer'
  readonly nonce: Uint8Array
  readonly point: Uint8Array
}

/** The newcomer's share, and the tag that shows that it knows the PIN. */
export interface PairingProof {
  readonly point: Uint8Array
  readonly tag: Uint8Array
}

/** The member's tag, and what only a newcomer that has confirmed the key is given. */
export interface PairingWelcome {
  readonly type: 'welcome'
  readonly tag: Uint8Array
  readonly swarm: Uint8Array
  readonly gift: Gift
  /** Multiaddrs of the member. */
  readonly addresses: readonly string[]
}

export interface PairingRefused {
  readonly type: 'refused'
  readonly code: RefusalCode
}

const kinds = { begin: 1, offer: 2, proof: 3, welcome: 4, refused: 5 } as const

export const encodeBegin = ({ nonce, wants }: PairingBegin): Uint8Array => encode([kinds.begin, nonce, wants])

export const encodeOffer = ({ nonce, point }: Omit<PairingOffer, 'type'>): Uint8Array =>
  encode([kinds.offer, nonce, point])

export const encodeProof = ({ point, tag }: PairingProof): Uint8Array => encode([kinds.proof, point, tag])

export const encodePairingWelcome = ({
  tag,
  swarm,
  gift,
  addresses,
}: Omit<PairingWelcome, 'type'>): Uint8Array =>
  encode([kinds.welcome, tag, swarm, giftItems(gift), addresses])

export const encodePairingRefused = (code: RefusalCode): Uint8Array => encode([kinds.refused, code])

/** @throws {ShoalError} `bad-frame` */
export function decodeBegin(bytes: Uint8Array): PairingBegin {
  const items = itemsOf('begin', bytes, 3)
  return { nonce: items.bytes(1, limits.nonceBytes), wants: items.choice(2, roles) }
}

/** @throws {ShoalError} `bad-frame` */
export function decodeProof(bytes: Uint8Array): PairingProof {
  const items = itemsOf('proof', bytes, 3)
  return { point: items.bytes(1, limits.pointBytes), tag: items.bytes(2, limits.tagBytes) }
}

/** @throws {ShoalError} `bad-frame` */
export function decodeOffer(bytes: Uint8Array): PairingOffer | PairingRefused {
  const refused = readRefused(bytes)
  if (refused !== null) return refused
  const items = itemsOf('offer', bytes, 3)
  return {
    type: 'offer',
    nonce: items.bytes(1, limits.nonceBytes),
    point: items.bytes(2, limits.pointBytes),
  }
}

/** @throws {ShoalError} `bad-frame` */
export function decodePairingWelcome(bytes: Uint8Array): PairingWelcome | PairingRefused {
  const refused = readRefused(bytes)
  if (refused !== null) return refused
  const items = itemsOf('welcome', bytes, 5)
  return {
    type: 'welcome',
    tag: items.bytes(1, limits.tagBytes),
    swarm: items.bytes(2, limits.swarmIdBytes),
    gift: readGift(items.at(3)),
    addresses: items.list(4, limits.maxPairingAddresses, readAddress),
  }
}

function itemsOf(kind: keyof typeof kinds, bytes: Uint8Array, length: number): Items {
  const items = new Items(kind, decodeValue(kind, bytes, limits.maxPairingFrameBytes), length)
  items.integer(0, kinds[kind], kinds[kind])
  return items
}

function readRefused(bytes: Uint8Array): PairingRefused | null {
  const value = decodeValue('answer', bytes, limits.maxPairingFrameBytes)
  if (!Array.isArray(value) || value[0] !== kinds.refused) return null
  return { type: 'refused', code: new Items('refused', value, 2).choice(1, refusalCodes) }
}

function readAddress(value: unknown): string {
  if (typeof value !== 'string' || value.length > limits.maxAddressCharacters)
    throw badFrame(`an address must be text of at most ${limits.maxAddressCharacters} characters`)
  return value
}
