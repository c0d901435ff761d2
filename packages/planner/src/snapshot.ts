import type { Snapshot } from '@shoal/membership'
import { defaultContextTokens, type ModelCosts } from './costs/costs.ts'

/** All that the planner is a function of: the members, and what the model that they serve costs. */
export interface PlannerSnapshot extends Snapshot {
  readonly costs: ModelCosts
  /**
   * Positions for which each node keeps room in its KV cache, all its sessions together. Default: 4,096, or the model's
   * context where that is shorter.
   */
  readonly contextTokens?: number
}

export function contextTokensOf({ costs, contextTokens }: PlannerSnapshot): number {
  return contextTokens ?? Math.min(defaultContextTokens, costs.contextLength)
}
