import type { Clock, Logger, Random } from '@shoal/host'
import type { BlockRange, BlockSplit } from '@shoal/model'
import type { Transport } from '@shoal/network'
import type { BlockRunner, SumRanks } from '@shoal/runtime'
import type { ExchangeCosts } from '../collectives/cost/cost-model.ts'
import type { GroupPeer } from '../forming/formation.ts'
import type { GroupHead } from '../head/group-head.ts'

/** A group as one runner: a pipeline sees a single stage at the group's leader. */
export interface GroupRunner extends BlockRunner {
  /** Numeric class of the group, which differs from that of its leader. */
  readonly numericClass: string
  readonly ranks: number
  /** Aborted when a rank is lost and no spare can take its place. */
  readonly lost: AbortSignal
  /** The present members, by rank from 1. */
  members(): readonly GroupPeer[]
  /** The parts of the head that members compute. */
  readonly head: GroupHead
  /** What a message to a member costs, as measured when the group was formed. */
  readonly costs: ExchangeCosts
  /** How often the group was formed again after a loss. */
  readonly repairs: number
  /** How many sums the computing thread has made itself, and how long it waited for them; null without such a thread. */
  sumsInThread(signal: AbortSignal): Promise<{ readonly sums: number; readonly ms: number } | null>
}

export interface GroupRunnerDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Loads this node's own share, that of rank 0. */
  loadOwn(sum: SumRanks): Promise<BlockRunner>
}

export interface GroupRunnerOptions {
  readonly manifestId: string
  readonly profile: string
  readonly range: BlockRange
  readonly split: BlockSplit
  /** This node's numeric class. */
  readonly numericClass: string
  /** Ranks 1 and up. */
  readonly members: readonly GroupPeer[]
  /**
   * Peers that may take the place of a lost member, in this order. When there is a spare, the leader keeps the inputs of
   * sessions.
   */
  readonly spares?: readonly GroupPeer[]
  /** What messages between ranks cost. Measured when absent. */
  readonly costs?: ExchangeCosts
}
