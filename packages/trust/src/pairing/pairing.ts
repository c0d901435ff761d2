import type { Random } from '@shoal/host'
import { joinBytes, textBytes } from '../bytes.ts'
import { limits } from '../limits.ts'
import {
  confirmationTag,
  joinWithLengths,
  sessionKey,
  shareOf,
  type CPaceInputs,
  type Share,
  type Transcript,
} from './cpace.ts'
import type { PairingBegin, PairingOffer, PairingProof } from './frames.ts'

/** The two ends of the channel, as its encryption has authenticated them. */
export interface PairingEnds {
  /** Peer id of the member that shows the PIN. */
  readonly member: string
  readonly newcomer: string
}

/** What both sides bring into a pairing. */
export interface PairingSide {
  readonly pin: string
  readonly ends: PairingEnds
  readonly random: Random
}

/**
 * The member's side of one run, which lets the newcomer test one PIN. The member speaks first and the newcomer proves first,
 * so that a newcomer who breaks off has learned nothing about the PIN.
 */
export class MemberPairing {
  readonly offer: Omit<PairingOffer, 'type'>
  readonly #sessionId: Uint8Array
  readonly #share: Share

  constructor({ pin, ends, random }: PairingSide, begin: PairingBegin) {
    const nonce = random.bytes(limits.nonceBytes)
    const inputs = inputsOf(pin, ends, nonce, begin.nonce)
    this.#sessionId = inputs.sessionId
    this.#share = shareOf(inputs, random.bytes(scalarBytes))
    this.offer = { nonce, point: this.#share.point }
  }

  /** @returns this side's tag when the newcomer has shown that it knows the PIN; null for a wrong PIN */
  check({ point, tag }: PairingProof): Uint8Array | null {
    const transcript = { initiator: this.#share.point, responder: point }
    const key = sessionKey(this.#sessionId, this.#share.scalar, point, transcript)
    if (key === null || !sameTags(tag, confirmationTag(this.#sessionId, key, point))) return null
    return confirmationTag(this.#sessionId, key, this.#share.point)
  }
}

/** The newcomer's side of one run, which lets whoever answers test one PIN too. */
export class NewcomerPairing {
  readonly proof: PairingProof | null
  readonly #expected: Uint8Array

  constructor({ pin, ends, random }: PairingSide, begin: PairingBegin, offer: PairingOffer) {
    const inputs = inputsOf(pin, ends, offer.nonce, begin.nonce)
    const share = shareOf(inputs, random.bytes(scalarBytes))
    const transcript: Transcript = { initiator: offer.point, responder: share.point }
    const key = sessionKey(inputs.sessionId, share.scalar, offer.point, transcript)
    this.proof =
      key === null ? null : { point: share.point, tag: confirmationTag(inputs.sessionId, key, share.point) }
    this.#expected = key === null ? new Uint8Array(0) : confirmationTag(inputs.sessionId, key, offer.point)
  }

  /** Whether the tag of the member shows that it knows the PIN. */
  confirms(tag: Uint8Array): boolean {
    return this.proof !== null && sameTags(tag, this.#expected)
  }
}

/** Twice as many as a scalar has, so that it is uniform. */
const scalarBytes = 64

function inputsOf(
  pin: string,
  ends: PairingEnds,
  memberNonce: Uint8Array,
  newcomerNonce: Uint8Array,
): CPaceInputs {
  return {
    password: textBytes(pin),
    channel: joinWithLengths(textBytes('shoal-pair:1'), textBytes(ends.member), textBytes(ends.newcomer)),
    sessionId: joinBytes(memberNonce, newcomerNonce),
  }
}

/** Takes the same time wherever the first difference is. */
function sameTags(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length
  for (const [index, byte] of a.entries()) difference |= byte ^ (b[index] ?? 0)
  return difference === 0
}
