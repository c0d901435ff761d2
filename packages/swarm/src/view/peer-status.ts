import type { Member, MemberRecord } from '@shoal/membership'
import { countCopies } from '../placement/copies/plan-copies.ts'
import type { PeerStatus, SwarmStatus } from '../types.ts'

/** A member as `status` shows it. @param links round trips that this observer has measured, in microseconds */
export function peerStatus(
  { record, liveness, load }: Member,
  selfId: string,
  links: Readonly<Record<string, number>>,
): PeerStatus {
  const rttMicros = links[record.peerId]
  return {
    peer: record.peerId,
    incarnation: record.incarnation,
    state: record.state,
    liveness,
    // A joining peer's span is the one that it is loading, so it holds no blocks yet.
    blocks: record.span === null || record.state === 'joining' ? null : [record.span.start, record.span.end],
    addresses: record.addresses,
    memoryBytes: record.hardware.memoryBytes,
    decodeMsPerBlock: record.hardware.decodeMicrosPerBlock / 1000,
    numericClass: record.numericClass,
    device: record.hardware.device,
    version: record.version,
    rttMs: rttMicros === undefined ? null : rttMicros / 1000,
    links: linksOf(record),
    sessions: load?.sessions ?? 0,
    busyPermille: load?.busyPermille ?? null,
    self: record.peerId === selfId,
    ...(record.problem !== undefined && record.problem !== '' && { problem: record.problem }),
    ...(record.group !== undefined && { group: { ranks: record.group.ranks, speeds: record.group.speeds } }),
  }
}

/** How many live peers have the weights of each part of the model. */
export function copiesOf(members: readonly Member[], blockCount: number): NonNullable<SwarmStatus['copies']> {
  const counts = countCopies(members, blockCount + 2)
  return { embedding: counts[0] ?? 0, blocks: counts.slice(1, -1), head: counts.at(-1) ?? 0 }
}

function linksOf({ links, rates = {} }: MemberRecord): PeerStatus['links'] {
  const peers = [...new Set([...Object.keys(links), ...Object.keys(rates)])]
  return Object.fromEntries(
    peers.map((peer) => [
      peer,
      {
        rttMs: (links[peer] ?? 0) / 1000 || null,
        mbps: Math.round((rates[peer] ?? 0) / 12_500) / 10 || null,
      },
    ]),
  )
}
