import type { BlockRange } from '@shoal/model'

/** What a node knows when it asks itself whether to change what it holds. */
export interface Situation {
  /** The span it serves now. */
  readonly held: BlockRange | null
  /** What the plan wants of it; null for nothing. */
  readonly wanted: BlockRange | null
  /** Other live peers that serve each block. */
  readonly othersHolding: readonly number[]
  /** Bytes both spans would need at once, and what this node may use. */
  readonly bothBytes: number
  readonly memoryBytes: number
  readonly nowMs: number
  /** Of the last voluntary move; null when there was none. */
  readonly lastMoveMs: number | null
  readonly moveWindowMs: number
}

export type Decision =
  | { readonly action: 'stay'; readonly reason: string; readonly againAfterMs?: number }
  /** Load `span`, announce it, then let go of what was held (make before break). */
  | { readonly action: 'move'; readonly span: BlockRange }
  /** Not both fit: let go first. Only when others hold everything that is given up. */
  | { readonly action: 'swap'; readonly span: BlockRange }

/**
 * The plan says what is best, this says when to act: only when a block is uncovered or the window since the last move
 * has passed, and never so that a block loses its last holder. The planner's own 25 % threshold stands before it. Pure.
 */
export function decide(situation: Situation): Decision {
  const { held, wanted, othersHolding, nowMs, lastMoveMs, moveWindowMs } = situation
  if (wanted === null) return { action: 'stay', reason: held === null ? 'the plan does not need this node' : 'the plan needs nothing else of this node' }
  if (held === null) return { action: 'move', span: wanted }
  if (held.start === wanted.start && held.end === wanted.end) return { action: 'stay', reason: 'as planned' }

  const givenUp = blocksOf(held).filter((block) => block < wanted.start || block >= wanted.end)
  const alone = givenUp.filter((block) => (othersHolding[block] ?? 0) === 0)
  if (alone.length > 0) return { action: 'stay', reason: `only this node holds block ${alone[0]}` }

  const uncovered = blocksOf(wanted).some((block) => (othersHolding[block] ?? 0) === 0 && (block < held.start || block >= held.end))
  if (!uncovered && lastMoveMs !== null && nowMs - lastMoveMs < moveWindowMs) return { action: 'stay', reason: 'moved a moment ago', againAfterMs: lastMoveMs + moveWindowMs - nowMs }
  return { action: situation.bothBytes <= situation.memoryBytes ? 'move' : 'swap', span: wanted }
}

export function blocksOf(range: BlockRange): number[] {
  return Array.from({ length: range.end - range.start }, (_, i) => range.start + i)
}
