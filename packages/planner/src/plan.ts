import { sha256Hex, type BlockRange } from '@shoal/model'
import type { Placement, Prediction } from './costs/predict.ts'
import { chooseGroups } from './groups/choose-groups.ts'
import { apartSnapshot } from './groups/group-snapshot.ts'
import type { SharesOf } from './groups/grouping.ts'
import { makePlan } from './make-plan.ts'
import type { PlannerSnapshot } from './snapshot.ts'

/** How many users share a pipeline at once under each objective: the `users` of the cost `max(TPOT, users · period)`. */
export const usersOf = { latency: 1, balanced: 4, throughput: 64 } as const
export type Objective = keyof typeof usersOf

export interface PlanOptions {
  readonly objective: Objective
  /** Length of the prompt for which the time to the first token is predicted. Default: 256. */
  readonly promptTokens?: number
  /** How ranks would share this model's blocks. When it is given, near peers that take part may form groups. */
  readonly shares?: SharesOf
}

export interface Plan {
  readonly objective: Objective
  /** What each node is to hold, replicas included; sorted by first block, then peer id. */
  readonly placements: readonly Placement[]
  /** The placements of the plan without groups. The peers of a group hold them until the group serves. */
  readonly apart: readonly Placement[]
  /** The route that a single generation would take; empty while blocks are uncovered. */
  readonly route: readonly Placement[]
  /** Blocks for which no node has memory. */
  readonly uncovered: readonly BlockRange[]
  readonly prediction: Prediction | null
  /** Whether spans held now were kept although another cut would be faster. */
  readonly kept: boolean
}

/**
 * Decides which node is to hold which blocks. Every peer computes the same plan from the same snapshot, so no peer has to
 * be asked or elected.
 */
export function plan(snapshot: PlannerSnapshot, options: PlanOptions): Plan {
  const { objective, promptTokens, shares } = options
  const making = { users: usersOf[objective], promptTokens }
  const single = makePlan(apartSnapshot(snapshot), making)
  // A group makes one token faster but does not lessen the work per token, so groups help only while one user waits.
  const grouped =
    objective === 'latency' && shares !== undefined
      ? chooseGroups(snapshot, { making, single, shares })
      : null
  const { placements, route, uncovered, prediction, kept } = grouped ?? single
  return { objective, placements, apart: single.placements, route, uncovered, prediction, kept }
}

/** Lower-case hex sha256 of the objective and the placements; equal on all peers that made the same plan. */
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
