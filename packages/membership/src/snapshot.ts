import { encode } from 'cborg'
import { sha256Hex } from '@shoal/model'
import type { MemberRecord } from './records/record.ts'

/** A member as the planner sees it. Fields on which no plan depends are left out, so that their changes cause no new plan. */
export type SnapshotMember = Omit<MemberRecord, 'seq' | 'version' | 'disk' | 'relay' | 'problem'>

/** Records of the members that one observer holds alive, sorted by peer id. A plain value. */
export interface Snapshot {
  readonly members: readonly SnapshotMember[]
}

export function createSnapshot(records: readonly MemberRecord[]): Snapshot {
  const members = records
    .filter((record) => record.state !== 'left')
    .map(
      ({ seq: _seq, version: _version, disk: _disk, relay: _relay, problem: _problem, ...member }) => member,
    )
    .sort((a, b) => (a.peerId < b.peerId ? -1 : 1))
  return { members }
}

/**
 * {@link createSnapshot} that returns the same object while the records are the same, so that callers can compare
 * snapshots by identity.
 */
export function createSnapshots(): (records: readonly MemberRecord[]) => Snapshot {
  let last: { readonly records: readonly MemberRecord[]; readonly snapshot: Snapshot } = {
    records: [],
    snapshot: createSnapshot([]),
  }
  return (records) => {
    const same =
      records.length === last.records.length &&
      records.every((record, index) => record === last.records[index])
    if (!same) last = { records, snapshot: createSnapshot(records) }
    return last.snapshot
  }
}

/**
 * SHA-256 in lower-case hex over the deterministic CBOR of everything that a plan depends on: equal hashes mean equal
 * plans. Addresses, load and counters are left out, and so are links to peers outside the snapshot: no plan can use them.
 */
export function snapshotHash(snapshot: Snapshot): string {
  const present = new Set(snapshot.members.map((member) => member.peerId))
  const among = (perPeer: Readonly<Record<string, number>>): Readonly<Record<string, number>> =>
    Object.fromEntries(Object.entries(perPeer).filter(([peer]) => present.has(peer)))
  const members = snapshot.members.map(({ addresses: _addresses, links, rates, ...member }) => ({
    ...member,
    links: among(links),
    rates: among(rates ?? {}),
  }))
  return sha256Hex(encode(members))
}
