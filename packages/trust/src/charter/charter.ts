import { encode } from 'cborg'
import type { SwarmSecret } from '../admit.ts'
import { sameBytes, toHex } from '../bytes.ts'
import { limits } from '../limits.ts'
import { badFrame, decodeValue, Items } from '../read.ts'
import type { KnownAct } from './act.ts'

/** What follows from the acts that a peer knows: peers that know the same acts have the same charter. */
export interface Charter {
  /** Revoked keys, in hexadecimal. */
  readonly revoked: ReadonlySet<string>
  readonly name: string | null
  /** Secrets that admins have set, the present one first. */
  readonly secrets: readonly { readonly secret: Uint8Array; readonly at: number }[]
}

const textOrder = (a: string, b: string): number => (a < b ? -1 : Number(a > b))

/** Of two admins the one whose grant began first is senior. */
function bySeniority(a: KnownAct, b: KnownAct): number {
  return a.signer.from - b.signer.from || textOrder(a.signerKey, b.signerKey)
}

/** The highest generation first; within a generation the edit of the senior admin. */
function byGeneration(a: KnownAct, b: KnownAct): number {
  return b.generation - a.generation || bySeniority(a, b) || textOrder(a.id, b.id)
}

/**
 * The acts that are kept of those that are known. Of one admin's edits of one subject the newest is kept, and of secrets as
 * many as are accepted at once; of all of them 1,024, those of senior admins first. An act that replaces another one takes
 * its place in this order, so that what is kept does not depend on the order in which acts come.
 */
export function keptActs(acts: readonly KnownAct[]): readonly KnownAct[] {
  const unique = [...new Map(acts.map((act) => [act.id, act])).values()]
  const groups = Map.groupBy(unique, ({ signerKey, subject }) => `${signerKey} ${subject}`)
  return [...groups.values()]
    .flatMap((group) => {
      const most = group[0]?.provision.kind === 'secret' ? limits.maxSecrets : 1
      return group.sort(byGeneration).slice(0, most)
    })
    .sort((a, b) => bySeniority(a, b) || textOrder(a.subject, b.subject) || byGeneration(a, b))
    .slice(0, limits.maxActs)
}

/**
 * The charter of some kept acts. An admin that a senior one has revoked cannot revoke anybody, and its edits count no
 * longer. So every peer decides alike when two admins revoke each other.
 */
export function charterOf(acts: readonly KnownAct[]): Charter {
  const revoked = revokedBy(acts)
  const edits = acts.filter(({ signerKey }) => !revoked.has(signerKey)).sort(byGeneration)
  const names = edits.flatMap(({ provision }) => (provision.kind === 'name' ? [provision.name] : []))
  return {
    revoked,
    // An empty name means that the swarm has no name.
    name: (names[0] ?? '') === '' ? null : (names[0] ?? null),
    secrets: edits.flatMap(({ provision, at }) =>
      provision.kind === 'secret' ? [{ secret: provision.secret, at }] : [],
    ),
  }
}

function revokedBy(acts: readonly KnownAct[]): ReadonlySet<string> {
  const revoked = new Set<string>()
  for (const { provision, signerKey } of acts.toSorted(bySeniority)) {
    if (provision.kind !== 'revoke') continue
    const key = toHex(provision.key)
    // An admin cannot revoke itself, and an admin that a senior has revoked cannot revoke anybody.
    if (!revoked.has(signerKey) && signerKey !== key) revoked.add(key)
  }
  return revoked
}

/**
 * Tells which acts mean nothing while some acts count: those whose signer a senior admin has put out. Whoever has been put
 * out can sign acts without end, each of which would be checked, kept and passed on by all. An act of an admin that only a
 * junior one has put out still means something, since it may put that one out.
 */
export function voidActs(acts: readonly KnownAct[]): (act: KnownAct) => boolean {
  const revoked = revokedBy(acts)
  const seniors = new Map<string, KnownAct>()
  for (const act of acts.toSorted(bySeniority)) {
    if (act.provision.kind !== 'revoke' || revoked.has(act.signerKey)) continue
    const key = toHex(act.provision.key)
    if (!seniors.has(key)) seniors.set(key, act)
  }
  return (act) => {
    const senior = seniors.get(act.signerKey)
    return senior !== undefined && bySeniority(senior, act) < 0
  }
}

/** The generation of the next edit of a subject. When an admin has used the numbers up, seniority decides. */
export function nextGeneration(acts: readonly KnownAct[], subject: string): number {
  const newest = Math.max(
    0,
    ...acts.filter((act) => act.subject === subject).map(({ generation }) => generation),
  )
  return Math.min(newest + 1, limits.maxGeneration)
}

/**
 * The secrets that open the swarm's door: those of the charter, the present one first, then those that this peer was given
 * when it joined. A secret that was replaced opens the door as long as a grant lasts, so that every member whose grant is
 * valid finds its way back.
 */
export function acceptedSecrets({ secrets }: Charter, given: readonly SwarmSecret[]): readonly SwarmSecret[] {
  const oldestAt = secrets.at(-1)?.at
  const laidDown = secrets.map(({ secret }, index) => {
    const replacedAt = secrets[index - 1]?.at
    return { secret, until: replacedAt === undefined ? null : replacedAt + limits.formerSecretSeconds }
  })
  const others = given
    .filter(({ secret }) => !secrets.some((other) => sameBytes(other.secret, secret)))
    .map(({ secret, until }) => ({
      secret,
      until: oldestAt === undefined ? until : (until ?? oldestAt + limits.formerSecretSeconds),
    }))
  return [...laidDown, ...others].slice(0, limits.maxSecrets)
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
