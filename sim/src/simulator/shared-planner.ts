import { rankPermille } from '@shoal/model'
import type { Snapshot } from '@shoal/membership'
import { modelCosts, plan, type Plan, type SharesOf } from '@shoal/planner'
import type { Planner } from '@shoal/swarm/components'
import type { TinyModel } from './tiny-model.ts'

/** Limit of cached plans: while news spreads, the peers of a swarm hold many different snapshots. */
const plansMax = 256

/** Computes the plan of a snapshot as each node would. */
export function planOf({ manifest }: TinyModel, snapshot: Snapshot): Plan {
  const { config, profile } = manifest.manifest
  const shares: SharesOf = (speeds) => rankPermille(config, profile, speeds)
  return plan({ ...snapshot, costs: modelCosts(config, profile) }, { objective: 'latency', shares })
}

/**
 * A planner that caches plans for all nodes. A plan is a pure function of the snapshot, and planning is most of the work
 * of a large simulation. `wrongPlans` recomputes some plans.
 */
export function createSharedPlanner(model: TinyModel): Planner {
  const plans = new Map<string, Plan>()
  return (snapshot, hash) => {
    const known = plans.get(hash)
    if (known !== undefined) return known
    const made = planOf(model, snapshot)
    const [oldest] = plans.keys()
    if (plans.size >= plansMax && oldest !== undefined) plans.delete(oldest)
    plans.set(hash, made)
    return made
  }
}
