import type { MemberRecord } from '@shoal/membership'
import { networkLimits, reachOf, relaysIn, type Reach } from '@shoal/network'

/** A member that this peer could ask for a slot. */
export interface RelayCandidate {
  readonly record: Pick<MemberRecord, 'peerId' | 'addresses' | 'relay'>
  /** Whether this peer is connected to it without a relay. */
  readonly direct: boolean
}

const order: readonly Reach[] = ['nowhere', 'machine', 'network', 'internet']

/**
 * Whether this peer needs slots at relays: others are farther away than its own addresses reach. Pure.
 * @param own what this peer listens on, or has been told to announce
 * @param farthest where the farthest connected member is
 */
export const needsRelays = (own: readonly string[], farthest: Reach): boolean => {
  const reach = reachOf(own)
  return reach === 'nowhere' || order.indexOf(reach) < order.indexOf(farthest)
}

/** The farther of two places. */
export const farther = (a: Reach, b: Reach): Reach => (order.indexOf(a) < order.indexOf(b) ? b : a)

/**
 * The members to ask for a slot now: those that relay and to which there is a connection, the ones that the internet
 * reaches first. Pure.
 */
export function chooseRelays(
  own: readonly string[],
  farthest: Reach,
  candidates: readonly RelayCandidate[],
): readonly string[] {
  if (!needsRelays(own, farthest)) return []
  const has = relaysIn(own)
  return candidates
    .filter(({ record, direct }) => direct && (record.relay?.slots ?? 0) > 0 && !has.has(record.peerId))
    .map(({ record }) => ({ peer: record.peerId, rank: order.indexOf(reachOf(record.addresses)) }))
    .sort((a, b) => b.rank - a.rank || (a.peer < b.peer ? -1 : 1))
    .slice(0, Math.max(0, networkLimits.relaysPerPeer - has.size))
    .map(({ peer }) => peer)
}
