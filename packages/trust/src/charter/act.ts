import { encode } from 'cborg'
import { hashFor, joinBytes, sameBytes, swarmIdOf, textBytes, toHex } from '../bytes.ts'
import { isSigned, readGrant, type Grant, type Sign, type Verify } from '../grant.ts'
import { limits } from '../limits.ts'
import { badFrame, decodeValue, Items } from '../read.ts'

/** What an admin decides for the whole swarm. */
export type Provision =
  /** Revokes a key: its own grants and those that it has signed for others are void. */
  | { readonly kind: 'revoke'; readonly key: Uint8Array }
  /** Sets a new secret; former secrets open the swarm's door for a while. */
  | { readonly kind: 'secret'; readonly secret: Uint8Array }
  /** Sets the name by which people call the swarm. */
  | { readonly kind: 'name'; readonly name: string }

/** A provision as an admin has signed it. */
export interface Act {
  readonly swarm: Uint8Array
  readonly provision: Provision
  /**
   * Orders edits of one subject: an edit has one more than the edits that its author knew. 0 for a revocation, which is
   * final.
   */
  readonly generation: number
  /** Seconds since 1970. */
  readonly at: number
  /** The admin's own grant, which the root key has signed. */
  readonly grant: Uint8Array
}

/** First item of a provision. */
const kinds = { revoke: 1, secret: 2, name: 3 } as const
const version = 1
const purpose = textBytes('shoal-act:1:')

/** `signature ‖ CBOR [1, swarm, provision, generation, at, grant]`. The signer must be the subject of the grant. */
export async function signAct(
  { swarm, provision, generation, at, grant }: Act,
  sign: Sign,
): Promise<Uint8Array> {
  const body = encode([version, swarm, itemsOf(provision), generation, at, grant])
  return joinBytes(await sign(joinBytes(purpose, body)), body)
}

function itemsOf(provision: Provision): readonly unknown[] {
  switch (provision.kind) {
    case 'revoke':
      return [kinds.revoke, provision.key]
    case 'secret':
      return [kinds.secret, provision.secret]
    case 'name':
      return [kinds.name, provision.name]
  }
}

/** Reads an act without checking its signatures. @throws {ShoalError} `bad-frame` */
export function readAct(bytes: Uint8Array): Act {
  if (bytes.length > limits.maxActBytes) throw badFrame(`an act has ${bytes.length} bytes`)
  const body = bytes.subarray(limits.signatureBytes)
  const items = new Items('act', decodeValue('act', body, limits.maxActBytes), 6)
  items.integer(0, version, version)
  return {
    swarm: items.bytes(1, limits.swarmIdBytes),
    provision: readProvision(items.at(2)),
    generation: items.integer(3, 0, limits.maxGeneration),
    at: items.seconds(4),
    grant: items.bytesUpTo(5, limits.maxGrantBytes),
  }
}

function readProvision(value: unknown): Provision {
  const kind: unknown = Array.isArray(value) ? value[0] : undefined
  const items = new Items('provision', value, 2)
  switch (kind) {
    case kinds.revoke:
      return { kind: 'revoke', key: items.bytes(1, limits.keyBytes) }
    case kinds.secret:
      return { kind: 'secret', secret: items.bytes(1, limits.secretBytes) }
    case kinds.name:
      return { kind: 'name', name: items.text(1, limits.maxNameCharacters) }
    default:
      throw badFrame('an act of an unknown kind')
  }
}

/**
 * Whether an admin of the swarm has signed an act. The term of the admin's grant does not matter: a key that was
 * revoked while the grant was valid stays revoked.
 */
export async function isAct(bytes: Uint8Array, swarm: Uint8Array, verify: Verify): Promise<boolean> {
  try {
    const act = readAct(bytes)
    const grant = readGrant(act.grant)
    if (!sameBytes(act.swarm, swarm) || !sameBytes(grant.swarm, swarm) || grant.role !== 'admin') return false
    if (!sameBytes(swarmIdOf(grant.issuer), swarm) || !(await isSigned(act.grant, grant, verify)))
      return false
    const body = bytes.subarray(limits.signatureBytes)
    return await verify(grant.subject, joinBytes(purpose, body), bytes.subarray(0, limits.signatureBytes))
  } catch {
    return false
  }
}

/** Names an act, to tell whether it is known. */
export const actIdOf = (bytes: Uint8Array): string => toHex(hashFor('shoal-act-id:1:', bytes).subarray(0, 16))

/** An act with what follows from its bytes. */
export interface KnownAct extends Act {
  readonly bytes: Uint8Array
  readonly id: string
  /** The admin that has signed it. */
  readonly signer: Grant
  /** Key of the signer, in hexadecimal. */
  readonly signerKey: string
  /** What the act is about: later edits of one subject replace earlier ones. */
  readonly subject: string
}

/** Reads an act whose bytes `isAct` has checked. */
export function knownAct(bytes: Uint8Array): KnownAct {
  const act = readAct(bytes)
  const signer = readGrant(act.grant)
  return {
    ...act,
    bytes,
    id: actIdOf(bytes),
    signer,
    signerKey: toHex(signer.subject),
    subject: subjectOf(act.provision),
  }
}

/** The subject of a provision. */
export function subjectOf(provision: Provision): string {
  switch (provision.kind) {
    case 'revoke':
      return `1 ${toHex(provision.key)}`
    case 'secret':
      return '2'
    case 'name':
      return '3'
  }
}
