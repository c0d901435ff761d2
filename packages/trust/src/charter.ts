import { encode } from 'cborg'
import { hashFor, joinBytes, sameBytes, swarmIdOf, textBytes, toHex } from './bytes.ts'
import { isSigned, readGrant, type Grant, type Sign, type Verify } from './grant.ts'
import { limits } from './limits.ts'
import { badFrame, decodeValue, Items } from './read.ts'

/** That an admin has put a peer out: all that its key holds, and all that it has signed for others, is worth nothing. */
export interface Act {
  readonly swarm: Uint8Array
  /** Key of the peer that is put out. */
  readonly revokes: Uint8Array
  /** Seconds since 1970. */
  readonly at: number
  /** The admin's own grant, which the root key has signed. */
  readonly grant: Uint8Array
}

const version = 1
const purpose = textBytes('shoal-act:1:')

/** `signature ‖ CBOR [1, swarm, revokes, at, grant]`. The signer must be the subject of the grant. */
export async function signAct({ swarm, revokes, at, grant }: Act, sign: Sign): Promise<Uint8Array> {
  const body = encode([version, swarm, revokes, at, grant])
  return joinBytes(await sign(joinBytes(purpose, body)), body)
}

/** Reads an act without checking its signatures. @throws {ShoalError} `bad-frame` */
export function readAct(bytes: Uint8Array): Act {
  if (bytes.length > limits.maxActBytes) throw badFrame(`an act has ${bytes.length} bytes`)
  const body = bytes.subarray(limits.signatureBytes)
  const items = new Items('act', decodeValue('act', body, limits.maxActBytes), 5)
  items.integer(0, version, version)
  return {
    swarm: items.bytes(1, limits.swarmIdBytes),
    revokes: items.bytes(2, limits.keyBytes),
    at: items.seconds(3),
    grant: items.bytesUpTo(4, limits.maxGrantBytes),
  }
}

/**
 * Whether an admin of the swarm has signed an act. The term of the admin's grant does not matter: what was put out while
 * it was valid stays out.
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

/** All acts that a peer knows, as one frame. */
export const encodeActs = (acts: readonly Uint8Array[]): Uint8Array => encode(acts)

/** @throws {ShoalError} `bad-frame` */
export function decodeActs(frame: Uint8Array): readonly Uint8Array[] {
  const value = decodeValue('acts', frame, limits.maxActs * (limits.maxActBytes + 3) + 9)
  return new Items('acts', [value], 1).list(0, limits.maxActs, (each) => {
    if (!(each instanceof Uint8Array) || each.length > limits.maxActBytes)
      throw badFrame(`an act must be at most ${limits.maxActBytes} bytes`)
    return each
  })
}

/** Names an act, to tell whether it is known. */
export const actIdOf = (bytes: Uint8Array): string => toHex(hashFor('shoal-act-id:1:', bytes).subarray(0, 16))

/**
 * The keys that checked acts put out, in hexadecimal. Acts form a set, so that their order does not matter: of two admins
 * that put each other out, the one whose grant began first stays, everywhere.
 */
export function revokedBy(acts: readonly Uint8Array[]): ReadonlySet<string> {
  const revoked = new Set<string>()
  const bySeniority = acts
    .map((bytes) => {
      const act = readAct(bytes)
      return { act, signer: readGrant(act.grant) }
    })
    .sort((a, b) => compareSeniority(a.signer, b.signer))
  for (const { act, signer } of bySeniority) {
    const key = toHex(signer.subject)
    // An admin cannot put itself out, and one that a senior has put out puts nobody out.
    if (!revoked.has(key) && key !== toHex(act.revokes)) revoked.add(toHex(act.revokes))
  }
  return revoked
}

function compareSeniority(a: Grant, b: Grant): number {
  const [first, second] = [toHex(a.subject), toHex(b.subject)]
  if (a.from !== b.from) return a.from - b.from
  return first < second ? -1 : Number(first > second)
}
