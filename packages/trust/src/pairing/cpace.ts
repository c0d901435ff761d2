import { ristretto255, ristretto255_hasher } from '@noble/curves/ed25519.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { joinBytes, textBytes } from '../bytes.ts'

/**
 * CPace (draft-irtf-cfrg-cpace): two parties that share a short password agree on a key, and whoever does not know the
 * password can test one guess for each run. Suite: ristretto255 and SHA-512, roles initiator and responder. Names that
 * the draft uses are in the comments.
 */
export interface CPaceInputs {
  /** PRS: what both sides know. */
  readonly password: Uint8Array
  /** CI: names both ends of the channel, so that a run with a party in the middle has two different ones. */
  readonly channel: Uint8Array
  /** sid: fresh in each run. */
  readonly sessionId: Uint8Array
}

/** One side's share of a run. The scalar is secret and used once. */
export interface Share {
  /** Little-endian, below the order of the group. */
  readonly scalar: Uint8Array
  /** Ya or Yb: a point, 32 bytes. */
  readonly point: Uint8Array
}

export interface Transcript {
  /** Ya, of the initiator. */
  readonly initiator: Uint8Array
  /** Yb, of the responder. */
  readonly responder: Uint8Array
  /** ADa and ADb, which this protocol leaves empty. */
  readonly initiatorData?: Uint8Array
  readonly responderData?: Uint8Array
}

const { Point } = ristretto255
const name = textBytes('CPaceRistretto255')
const hashBlockBytes = 128
const empty = new Uint8Array(0)

/** One or more bytes that tell a length (LEB128), then the bytes. */
function withLength(bytes: Uint8Array): Uint8Array {
  const length: number[] = []
  let rest = bytes.length
  for (; rest > 127; rest >>>= 7) length.push((rest & 127) | 128)
  return joinBytes(Uint8Array.from([...length, rest]), bytes)
}

/** lv_cat */
export const joinWithLengths = (...parts: readonly Uint8Array[]): Uint8Array =>
  joinBytes(...parts.map(withLength))

/** calculate_generator: the base point of a run, which nobody can tell without the password. */
export function generatorOf({ password, channel, sessionId }: CPaceInputs): Uint8Array {
  const padding = hashBlockBytes - 1 - withLength(password).length - withLength(name).length
  const zeros = new Uint8Array(Math.max(0, padding))
  const seed = sha512(joinWithLengths(name, password, zeros, channel, sessionId))
  return pointFromHash(seed).toBytes()
}

function pointFromHash(hash: Uint8Array): InstanceType<typeof Point> {
  if (ristretto255_hasher.deriveToCurve === undefined)
    throw new Error('@noble/curves has no map to ristretto255')
  return ristretto255_hasher.deriveToCurve(hash)
}

/** @param random 64 random bytes, so that the scalar is uniform below the order of the group */
export function shareOf(inputs: CPaceInputs, random: Uint8Array): Share {
  const scalar = Point.Fn.create(readNumber(random))
  return shareWith(inputs, Point.Fn.toBytes(scalar === 0n ? 1n : scalar))
}

export function shareWith(inputs: CPaceInputs, scalar: Uint8Array): Share {
  return { scalar, point: multiply(scalar, Point.fromBytes(generatorOf(inputs))).toBytes() }
}

/**
 * scalar_mult_vfy: the secret point of both sides.
 * @returns null for a point of the other side that must end the run: not an encoding, or the neutral element
 */
export function secretPoint(scalar: Uint8Array, other: Uint8Array): Uint8Array | null {
  try {
    const point = multiply(scalar, Point.fromBytes(other))
    return point.equals(Point.ZERO) ? null : point.toBytes()
  } catch {
    return null // The library throws for bytes that encode no point, and for the neutral element.
  }
}

/** ISK: the key of the run, 64 bytes; null when the other side's point must end the run. */
export function sessionKey(
  sessionId: Uint8Array,
  scalar: Uint8Array,
  other: Uint8Array,
  transcript: Transcript,
): Uint8Array | null {
  const secret = secretPoint(scalar, other)
  if (secret === null) return null
  const { initiator, responder, initiatorData = empty, responderData = empty } = transcript
  return sha512(
    joinBytes(
      joinWithLengths(joinBytes(name, textBytes('_ISK')), sessionId, secret),
      joinWithLengths(initiator, initiatorData),
      joinWithLengths(responder, responderData),
    ),
  )
}

/** The tag by which one side shows that it has the key: a MAC over the point that it sent (the draft's key confirmation). */
export function confirmationTag(sessionId: Uint8Array, key: Uint8Array, ownPoint: Uint8Array): Uint8Array {
  const macKey = sha512(joinBytes(textBytes('CPaceMac'), sessionId, key))
  return hmac(sha512, macKey, joinWithLengths(ownPoint, empty))
}

const multiply = (scalar: Uint8Array, point: InstanceType<typeof Point>): InstanceType<typeof Point> =>
  point.multiply(Point.Fn.fromBytes(scalar))

const readNumber = (littleEndian: Uint8Array): bigint =>
  littleEndian.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n)
