import { encode } from 'cborg'
import { joinBytes, textBytes } from './bytes.ts'
import { limits } from './limits.ts'
import { badFrame, decodeValue, Items } from './read.ts'
import { roles, type Role } from './roles.ts'

/** An Ed25519 signature over bytes, by a key that the caller holds. */
export type Sign = (bytes: Uint8Array) => Promise<Uint8Array>
/** Whether the Ed25519 key made a signature; false for anything malformed. */
export type Verify = (key: Uint8Array, bytes: Uint8Array, signature: Uint8Array) => Promise<boolean>

/** States that the holder of a key has a role in one swarm for a time. */
export interface Grant {
  readonly swarm: Uint8Array
  /** The Ed25519 public key of the peer. */
  readonly subject: Uint8Array
  readonly role: Role
  /** Names this grant, so that it can be revoked alone. */
  readonly serial: Uint8Array
  /** Seconds since 1970. */
  readonly from: number
  readonly until: number
  /** The key that signs: that of another member, or the swarm's root key. */
  readonly issuer: Uint8Array
}

const version = 1
const purpose = textBytes('shoal-grant:1:')

/** `signature ‖ CBOR [1, swarm, subject, role, serial, from, until, issuer]`. The signer must hold `grant.issuer`. */
export async function signGrant(grant: Grant, sign: Sign): Promise<Uint8Array> {
  const { swarm, subject, role, serial, from, until, issuer } = grant
  const body = encode([version, swarm, subject, role, serial, from, until, issuer])
  return joinBytes(await sign(joinBytes(purpose, body)), body)
}

/** Reads a grant without checking its signature. @throws {ShoalError} `bad-frame` */
export function readGrant(bytes: Uint8Array): Grant {
  if (bytes.length > limits.maxGrantBytes) throw badFrame(`a grant has ${bytes.length} bytes`)
  const body = bytes.subarray(limits.signatureBytes)
  const items = new Items('grant', decodeValue('grant', body, limits.maxGrantBytes), 8)
  items.integer(0, version, version)
  return {
    swarm: items.bytes(1, limits.swarmIdBytes),
    subject: items.bytes(2, limits.keyBytes),
    role: items.choice(3, roles),
    serial: items.bytes(4, limits.serialBytes),
    from: items.seconds(5),
    until: items.seconds(6),
    issuer: items.bytes(7, limits.keyBytes),
  }
}

/** Whether the issuer that a grant names has signed it. */
export function isSigned(bytes: Uint8Array, { issuer }: Grant, verify: Verify): Promise<boolean> {
  const body = bytes.subarray(limits.signatureBytes)
  return verify(issuer, joinBytes(purpose, body), bytes.subarray(0, limits.signatureBytes))
}
