import type { Member } from '@shoal/membership'
import type { Placement } from '@shoal/planner'
import type { BlockRange } from '@shoal/model'
import { blocksOf } from './decide.ts'

/**
 * The plan's placements, changed so that the best nodes move into a gap: blocks without a holder. Two rules change which
 * node moves, but never which spans are held in the end:
 *
 * - A chain is one move. Where one node is to take the place of another that moves into the gap, it takes the gap itself.
 * - Nodes without sessions move first. A plan does not know the load, so it may move a stage of a running answer although
 *   an idle node with the same span could move.
 *
 * All nodes compute the same from the same records and session counts. While a block has no holder, no session begins, so
 * the counts in beats do not change; and a node gives blocks up only after the outcome has been the same for a while.
 *
 * @param fits how many blocks a node with this much memory may hold
 */
export function chooseGapMovers(
  placements: readonly Placement[],
  members: readonly Member[],
  fits: (memoryBytes: number) => number,
): readonly Placement[] {
  const serving = members.filter(
    ({ record, liveness }) => liveness === 'alive' && record.state === 'serving' && record.span !== null,
  )
  const served = new Set(serving.flatMap(({ record }) => (record.span === null ? [] : blocksOf(record.span))))
  let current = placements
  for (const { peer } of placements) {
    const placement = current.find((one) => one.peer === peer)
    const mover = serving.find(({ record }) => record.peerId === peer)
    if (placement === undefined || mover === undefined) continue
    if (blocksOf(placement).every((block) => served.has(block))) continue
    current = relieve(current, mover, serving, fits) ?? current
  }
  return current
}

/** Placements in which another node fills the gap instead of `mover`; null when none should. */
function relieve(
  placements: readonly Placement[],
  mover: Member,
  serving: readonly Member[],
  fits: (memoryBytes: number) => number,
): readonly Placement[] | null {
  const wanted = placements.find(({ peer }) => peer === mover.record.peerId)
  const { span } = mover.record
  // A group would have to be formed anew, which takes longer than any move.
  if (wanted === undefined || span === null || wanted.group !== undefined || mover.record.group !== undefined)
    return null
  for (const other of serving) {
    const { record } = other
    const replaced = placements.find(({ peer }) => peer === record.peerId)
    if (other === mover || replaced === undefined || replaced.group !== undefined) continue
    if (wanted.end - wanted.start > fits(record.hardware.memoryBytes)) continue
    const isChain = sameRange(replaced, span)
    const isIdleCopy = sessionsOf(mover) > 0 && sessionsOf(other) === 0 && sameRange(replaced, record.span)
    if (!isIdleCopy && (!isChain || sameRange(replaced, record.span))) continue
    const changed = placements.map((placement) => {
      if (placement === wanted) return { peer: wanted.peer, start: span.start, end: span.end }
      return placement === replaced
        ? { peer: replaced.peer, start: wanted.start, end: wanted.end }
        : placement
    })
    if (coversAll(changed, placements)) return changed
  }
  return null
}

/** A node that has not announced its sessions counts as busy. */
function sessionsOf({ load }: Member): number {
  return load?.sessions ?? 1
}

function sameRange(a: BlockRange, b: BlockRange | null): boolean {
  return a.start === b?.start && a.end === b.end
}

function coversAll(changed: readonly Placement[], before: readonly Placement[]): boolean {
  const covered = new Set(changed.flatMap(blocksOf))
  return before.flatMap(blocksOf).every((block) => covered.has(block))
}
