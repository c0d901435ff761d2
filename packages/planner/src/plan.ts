import type { Snapshot } from '@shoal/membership'
import { sha256Hex, type BlockRange } from '@shoal/model'
import { chooseGroups } from './choose-groups.ts'
import { defaultContextTokens, type ModelCosts } from './costs.ts'
import { apartSnapshot, type SharesOf } from './group-nodes.ts'
import { makePlan } from './make-plan.ts'
import type { Placement, Prediction } from './predict.ts'

/** Users that share a pipeline at once: what an objective means in the cost `max(TPOT, users · period)`. */
export const usersOf = { latency: 1, balanced: 4, throughput: 64 } as const
export type Objective = keyof typeof usersOf

export interface PlanOptions {
  readonly objective: Objective
  /** Positions each node has room for. Default: 4,096, or the model's context where that is shorter. */
  readonly contextTokens?: number
  readonly promptTokens?: number
  /** How ranks would share this model's blocks: with it, near peers that take part may form groups. */
  readonly shares?: SharesOf
}

export interface Plan {
  readonly objective: Objective
  /** What each node is to hold, replicas included; sorted by start, then peer id. */
  readonly placements: readonly Placement[]
  /** The same without groups: what the peers of a group hold until it serves. */
  readonly apart: readonly Placement[]
  /** The way one generation would take; empty while blocks are uncovered. */
  readonly route: readonly Placement[]
  /** Blocks that no node can hold yet. */
  readonly uncovered: readonly BlockRange[]
  readonly prediction: Prediction | null
  /** Whether spans held now were kept although another cut would be faster. */
  readonly kept: boolean
}

/**
 * Who is to hold what: a pure function of the snapshot. Every peer with the same snapshot computes the same plan, so
 * nobody has to be asked or elected.
 */
export function plan(snapshot: Snapshot, costs: ModelCosts, options: PlanOptions): Plan {
  const { objective, promptTokens, shares } = options
  const contextTokens = options.contextTokens ?? Math.min(defaultContextTokens, costs.contextLength)
  const making = { users: usersOf[objective], contextTokens, promptTokens }
  const apart = apartSnapshot(snapshot)
  const single = makePlan(apart, costs, making)
  // Sums make a token faster and the group's work no less: they are for one user at a time.
  const grouped =
    objective === 'latency' && shares !== undefined
      ? chooseGroups(snapshot, apart, costs, making, single, shares)
      : null
  const { placements, route, uncovered, prediction, kept } = grouped ?? single
  return { objective, placements, apart: single.placements, route, uncovered, prediction, kept }
}

/** Lower-case hex; equal on all peers that plan alike. */
export function planHash({ objective, placements }: Plan): string {
  return sha256Hex(
    new TextEncoder().encode(
      JSON.stringify([
        objective,
        placements.map(({ peer, start, end, group }) =>
          group === undefined ? [peer, start, end] : [peer, start, end, group.ranks, group.speeds],
        ),
      ]),
    ),
  )
}
