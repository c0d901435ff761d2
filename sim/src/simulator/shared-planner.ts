import { rankPermille } from '@shoal/model'
import type { Snapshot } from '@shoal/membership'
import { modelCosts, plan, type Plan, type SharesOf } from '@shoal/planner'
import type { Planner } from '@shoal/swarm/components'
import type { TinyModel } from './tiny-model.ts'

/** Plans that are kept: a swarm that changes has as many views at once as news is on its way. */
const plansMax = 256

/** As each node would make it by itself. */
export function planOf({ manifest }: TinyModel, snapshot: Snapshot): Plan {
  const { config, profile } = manifest.manifest
  const shares: SharesOf = (speeds) => rankPermille(config, profile, speeds)
  return plan({ ...snapshot, costs: modelCosts(config, profile) }, { objective: 'latency', shares })
}

/**
 * Every node makes the same plan of the same snapshot, and here one makes it for all: it is a pure function, and most of
 * the work of a large simulation. `wrongPlans` makes some anew.
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
