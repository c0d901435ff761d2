import { sharedMicros, type Allocation } from './allocate.ts'
import { candidateAt, stageMicros, type Cluster } from './cluster.ts'

/** A ring that differs from another in one member. */
export interface Move {
  /** Place in the ring. */
  readonly at: number
  /** Whether the member there goes. */
  readonly drop: boolean
  /** Who comes there, behind the member that stays. */
  readonly add: number | undefined
  /** Change of the ring's hops. */
  readonly longer: number
}

/** Leave one out, change one for another, take one in. */
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
      // One that stands alone has no hops to lose, and the one that takes its place has none either.
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

/** What a ring must keep to be better than another: in one of two ways, cheaper, or as cheap with a shorter way. */
export interface Limits {
  readonly periodMicros: number
  readonly tokenMicros: number
}

export function limitsToBeat(best: Allocation, users: number): readonly Limits[] {
  const cost = sharedMicros(best, users)
  return [
    { periodMicros: Math.floor((cost - 1) / users), tokenMicros: cost - 1 },
    { periodMicros: Math.floor(cost / users), tokenMicros: best.tokenMicros },
  ]
}

/**
 * Screens moves without making anything: whether some cut after the move keeps the limits. Under a limit on each stage
 * the fastest take as many blocks as they may, which is a token's shortest way.
 * @param fastestFirst the ring's members by speed
 */
export function canKeep(
  cluster: Cluster,
  fastestFirst: readonly number[],
  dropped: number | undefined,
  added: number | undefined,
  cycleMicros: number,
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
