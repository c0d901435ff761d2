import type { BlockRunner } from '@shoal/runtime'
import type { ExchangeCosts } from '../collectives/cost-model.ts'
import type { GroupPeer } from './formation.ts'
import type { GroupHead } from '../head/group-head.ts'

/** A group as one runner: the pipeline sees one stage at its leader. */
export interface GroupRunner extends BlockRunner {
  /** Of the group, not of its leader. */
  readonly numericClass: string
  readonly ranks: number
  /** Aborted when a rank is lost and nobody can take its place. */
  readonly lost: AbortSignal
  /** Members now, by rank from 1. */
  members(): readonly GroupPeer[]
  /** What members can compute of the logits. */
  readonly head: GroupHead
  /** What a message to a member costs, measured when it was formed. */
  readonly costs: ExchangeCosts
  /** How often it was formed again around a spare. */
  readonly repairs: number
  /** Sums that the computing thread has made by itself, and how long it waited for them; null without such a thread. */
  sumsInThread(signal: AbortSignal): Promise<{ readonly sums: number; readonly ms: number } | null>
}
