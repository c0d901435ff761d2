import type { BlockRange } from '@shoal/model'
import { sameHolding, type Holding } from '../holding.ts'

/** What a node knows when it decides whether to change its span. */
export interface Situation {
  /** The span that the node serves now. */
  readonly held: Holding | null
  /** What the plan wants of the node; null for nothing. */
  readonly wanted: Holding | null
  /** For each block, how many other live peers serve it. */
  readonly othersHolding: readonly number[]
  /** For each block, how many of those peers keep it by the plan: `countKeepers`. */
  readonly othersKeeping: readonly number[]
  /** Bytes that both spans and the KV caches of running sessions would need at once. */
  readonly bothBytes: number
  /** Bytes that this node may use. */
  readonly memoryBytes: number
  readonly nowMs: number
  /** When the last voluntary move was decided; null when there was none. */
  readonly lastMoveMs: number | null
  readonly moveWindowMs: number
  /** The node leads a group of which a rank is leaving. That rank waits until the group has ended. */
  readonly rankLeaves?: boolean
}

export type Decision =
  | { readonly action: 'stay'; readonly reason: string; readonly againAfterMs?: number }
  /** Load and announce `span`, then let the held one go (make before break). */
  | { readonly action: 'move'; readonly span: Holding }
  /**
   * The two spans do not fit at once, so the held one is let go first, provided that others keep all its blocks. `urgent`
   * when some block of the model has no holder: nothing can be answered meanwhile, so blocks that both spans contain need
   * no other holder.
   */
  | { readonly action: 'swap'; readonly span: Holding; readonly urgent: boolean }

/**
 * The plan states what is best; this function decides when to act on it. A node moves only when a block has no holder or
 * when the window since its last move has passed, and never when a block would lose its last keeper. The planner has
 * already ignored improvements below its threshold of 25 %. Pure.
 */
export function decide(situation: Situation): Decision {
  const { held, wanted, othersHolding, nowMs, lastMoveMs, moveWindowMs } = situation
  if (wanted === null)
    return {
      action: 'stay',
      reason: held === null ? 'the plan does not need this node' : 'the plan needs nothing else of this node',
    }
  if (held === null) return { action: 'move', span: wanted }
  if (sameHolding(held, wanted)) return { action: 'stay', reason: 'as planned' }

  const action = situation.bothBytes <= situation.memoryBytes ? 'move' : 'swap'
  // A plan names groups only where both fit. Sessions fill the memory now, and they end.
  if (action === 'swap' && wanted.group !== undefined)
    return { action: 'stay', reason: 'there is no room for a group beside what is held' }
  const urgent = othersHolding.some(
    (holders, block) => holders === 0 && (block < held.start || block >= held.end),
  )
  const missed = missedWithout(
    givenUp(held, action === 'move' || urgent ? wanted : null),
    situation.othersKeeping,
  )
  if (missed !== null) return { action: 'stay', reason: `nobody else is to keep block ${missed}` }

  // Computed as one sum: a remainder that is rounded to zero would be asked for again at the same instant.
  const windowEndsMs = lastMoveMs === null ? nowMs : lastMoveMs + moveWindowMs
  if (!urgent && situation.rankLeaves !== true && nowMs < windowEndsMs)
    return { action: 'stay', reason: 'moved a moment ago', againAfterMs: windowEndsMs - nowMs }
  return action === 'move' ? { action, span: wanted } : { action, span: wanted, urgent }
}

/** The blocks of `held` that are not in `kept`. */
export function givenUp(held: BlockRange, kept: BlockRange | null): number[] {
  return blocksOf(held).filter((block) => kept === null || block < kept.start || block >= kept.end)
}

/** The first of these blocks that no other peer keeps; null when all are kept. */
export function missedWithout(blocks: readonly number[], othersKeeping: readonly number[]): number | null {
  return blocks.find((block) => (othersKeeping[block] ?? 0) === 0) ?? null
}

export function blocksOf(range: BlockRange): number[] {
  return Array.from({ length: range.end - range.start }, (_, i) => range.start + i)
}
