import { stageMicros } from '../costs/stage.ts'
import { sharedMicros, type Allocation } from './allocate.ts'
import { candidateAt, type Cluster } from './cluster.ts'

/** A change of one member of a ring: it is dropped, replaced, or followed by a new member. */
export interface Move {
  /** Index in the ring. */
  readonly at: number
  /** Whether the member at that index leaves the ring. */
  readonly drop: boolean
  /** The candidate that joins the ring there: in place of a dropped member, else after the member. */
  readonly add: number | undefined
  /** By how much all hops of the ring together get longer. */
  readonly longer: number
}

/** All moves: leaving out a member, replacing one by another candidate, taking in a candidate. */
export function* movesOf(
  cluster: Cluster,
  order: readonly number[],
  others: readonly number[],
): Generator<Move> {
  const hop = (from: number, to: number): number => (from === to ? 0 : cluster.hop(from, to))
  for (const [at, here] of order.entries()) {
    const before = order.at(at - 1) ?? here
    const after = order[(at + 1) % order.length] ?? here
    const without = -hop(before, here) - hop(here, after)
    if (order.length > 1) yield { at, drop: true, add: undefined, longer: without + hop(before, after) }
    for (const add of others) {
      // A ring of one member has no hops, neither before nor after its replacement.
      yield {
        at,
        drop: true,
        add,
        longer: order.length === 1 ? 0 : without + hop(before, add) + hop(add, after),
      }
      yield { at, drop: false, add, longer: hop(here, add) + hop(add, after) - hop(here, after) }
    }
  }
}

export function applyMove(order: readonly number[], { at, drop, add }: Move): readonly number[] {
  return [...order.slice(0, drop ? at : at + 1), ...(add === undefined ? [] : [add]), ...order.slice(at + 1)]
}

/** Bounds that a ring must keep to be better than another one. */
export interface Limits {
  readonly periodMicros: number
  readonly tokenMicros: number
}

/** A ring is better in one of two ways: it costs less, or it costs the same and a token takes less time. */
export function limitsToBeat(best: Allocation, users: number): readonly Limits[] {
  const cost = sharedMicros(best, users)
  return [
    { periodMicros: Math.floor((cost - 1) / users), tokenMicros: cost - 1 },
    { periodMicros: Math.floor(cost / users), tokenMicros: best.tokenMicros },
  ]
}

export interface RingChange {
  readonly dropped: number | undefined
  readonly added: number | undefined
  /** Time of all hops of the ring after the change. */
  readonly cycleMicros: number
}

/**
 * Whether some cut of the changed ring keeps the limits. This screens moves without allocating a pipeline: the shortest
 * time of a token under a limit on each stage results when the fastest members take as many blocks as they may.
 * @param fastestFirst the members of the ring before the change
 */
export function canKeep(
  cluster: Cluster,
  fastestFirst: readonly number[],
  { dropped, added, cycleMicros }: RingChange,
  limits: Limits,
): boolean {
  const count = fastestFirst.length - (dropped === undefined ? 0 : 1) + (added === undefined ? 0 : 1)
  const boundMicros = limits.periodMicros - stageMicros
  let left = cluster.costs.blockCount - count
  if (left < 0) return false
  let tokenMicros = cycleMicros + count * stageMicros
  const take = (index: number): boolean => {
    const { capacity, blockMicros } = candidateAt(cluster, index)
    const taken = Math.min(capacity, Math.floor(boundMicros / blockMicros), 1 + left)
    left -= taken - 1
    tokenMicros += taken * blockMicros
    return taken >= 1 && tokenMicros <= limits.tokenMicros
  }
  let waiting = added
  for (const index of fastestFirst) {
    if (index === dropped) continue
    if (
      waiting !== undefined &&
      candidateAt(cluster, waiting).blockMicros < candidateAt(cluster, index).blockMicros
    ) {
      if (!take(waiting)) return false
      waiting = undefined
    }
    if (!take(index)) return false
  }
  return (waiting === undefined || take(waiting)) && left === 0
}
