import type { Member, MemberRecord } from '@shoal/membership'
import { sha256Hex, type BlockRange } from '@shoal/model'

/** Peers that are to have each unit of the model on their disks, so that one of them may be lost for ever. */
export const copiesWanted = 2

export interface CopyPlanInput {
  readonly members: readonly Member[]
  /** Bytes of each unit, in order of their places: the embedding, the blocks, the head. */
  readonly unitBytes: readonly number[]
}

/**
 * The units that each peer is to fetch to its disk beside those that it serves. A pure function of members' records, so
 * that nobody is asked. Each unit that fewer than {@link copiesWanted} peers have or are loading goes to the peers with room that come
 * first by rendezvous hashing over peer and unit. A copy that was made counts from then on, so that peers that come and
 * go move only the copies that they take with them.
 */
export function planCopies({ members, unitBytes }: CopyPlanInput): ReadonlyMap<string, number[]> {
  const live = members.filter(
    ({ record, liveness }) =>
      liveness === 'alive' && (record.state === 'serving' || record.state === 'joining'),
  )
  const owned = new Map(
    live.map(({ record }) => [record.peerId, unitsOf(record, record.span, unitBytes.length)] as const),
  )
  const roomBytes = new Map(live.map(({ record }) => [record.peerId, record.disk?.spareBytes ?? 0]))
  const copies = new Map<string, number[]>()
  for (const [unit, bytes] of unitBytes.entries()) {
    const missing = copiesWanted - [...owned.values()].filter((units) => units.has(unit)).length
    if (missing <= 0) continue
    const takers = [...owned]
      .filter(([peer, units]) => !units.has(unit) && (roomBytes.get(peer) ?? 0) >= bytes)
      .map(([peer]) => ({ peer, rank: sha256Hex(new TextEncoder().encode(`${peer} ${unit}`)) }))
      .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    for (const { peer } of takers.slice(0, missing)) {
      roomBytes.set(peer, (roomBytes.get(peer) ?? 0) - bytes)
      copies.set(peer, [...(copies.get(peer) ?? []), unit])
    }
  }
  return copies
}

/** How many live peers have each unit on disk or in memory; the place of block `b` is `b + 1`. */
export function countCopies(members: readonly Member[], unitCount: number): number[] {
  const counts = new Array<number>(unitCount).fill(0)
  for (const { record, liveness } of members)
    if (liveness === 'alive' && record.state !== 'left')
      for (const unit of unitsOf(record, record.state === 'serving' ? record.span : null, unitCount))
        counts[unit]! += 1
  return counts
}

/** Units on a peer's disk: those that it announces, and the blocks of `span`, which it need not have announced yet. */
function unitsOf(
  { disk, group }: MemberRecord,
  span: BlockRange | null,
  unitCount: number,
): ReadonlySet<number> {
  // The peers of a group hold shares of their span, not whole units.
  const blocks = span === null || group !== undefined ? [] : [{ start: span.start + 1, end: span.end + 1 }]
  return new Set([...(disk?.units ?? []), ...blocks].flatMap((range) => places(range, unitCount)))
}

/** Records come from strangers: what is beyond the model is left out before anything is allocated. */
function places({ start, end }: BlockRange, count: number): number[] {
  return Array.from({ length: Math.max(0, Math.min(end, count) - start) }, (_, index) => start + index)
}

/** Ascending places as half-open ranges, at most `most` of them. */
export function rangesOf(units: readonly number[], most: number): BlockRange[] {
  const ranges: { start: number; end: number }[] = []
  for (const unit of units) {
    const last = ranges.at(-1)
    if (last?.end === unit) last.end = unit + 1
    else ranges.push({ start: unit, end: unit + 1 })
  }
  return ranges.slice(0, most)
}
