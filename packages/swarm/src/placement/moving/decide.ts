import type { BlockRange } from '@shoal/model'
import { sameHolding, type Holding } from '../holding.ts'

/** What a node knows when it asks itself whether to change what it holds. */
export interface Situation {
  /** The span it serves now. */
  readonly held: Holding | null
  /** What the plan wants of it; null for nothing. */
  readonly wanted: Holding | null
  /** Other live peers that serve each block. */
  readonly othersHolding: readonly number[]
  /** Those of them that are to go on serving it by the plan: `countKeepers`. */
  readonly othersKeeping: readonly number[]
  /** Bytes both spans and the caches of running sessions would need at once, and what this node may use. */
  readonly bothBytes: number
  readonly memoryBytes: number
  readonly nowMs: number
  /** Of the last voluntary move; null when there was none. */
  readonly lastMoveMs: number | null
  readonly moveWindowMs: number
  /** It leads a group of which a rank wants to go, and waits for it. */
  readonly rankLeaves?: boolean
}

export type Decision =
  | { readonly action: 'stay'; readonly reason: string; readonly againAfterMs?: number }
  /** Load `span`, announce it, then let go of what was held (make before break). */
  | { readonly action: 'move'; readonly span: Holding }
  /**
   * Not both fit: let go first. Only when others keep everything that is let go; `urgent` when nobody serves some block
   * of the model, so that nothing can be answered meanwhile: then blocks that are in both need no other holder.
   */
  | { readonly action: 'swap'; readonly span: Holding; readonly urgent: boolean }

/**
 * The plan says what is best, this says when to act: only when a block is uncovered or the window since the last move
 * has passed, and never so that a block loses the last one that is to keep it. The planner's own 25 % threshold stands before it. Pure.
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
  // A plan names groups only where both fit; what fills the memory is sessions, which end.
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

  // One sum, so that what remains is never rounded to nothing, and asked for again at the same instant.
  const windowEndsMs = lastMoveMs === null ? nowMs : lastMoveMs + moveWindowMs
  if (!urgent && situation.rankLeaves !== true && nowMs < windowEndsMs)
    return { action: 'stay', reason: 'moved a moment ago', againAfterMs: windowEndsMs - nowMs }
  return action === 'move' ? { action, span: wanted } : { action, span: wanted, urgent }
}

/** What is served of `held` no more while `kept` is. */
export function givenUp(held: BlockRange, kept: BlockRange | null): number[] {
  return blocksOf(held).filter((block) => kept === null || block < kept.start || block >= kept.end)
}

/** The first of these blocks that nobody would keep; null when all are kept. */
export function missedWithout(blocks: readonly number[], othersKeeping: readonly number[]): number | null {
  return blocks.find((block) => (othersKeeping[block] ?? 0) === 0) ?? null
}

export function blocksOf(range: BlockRange): number[] {
  return Array.from({ length: range.end - range.start }, (_, i) => range.start + i)
}
