import { modelCosts, plan, type Plan } from '@shoal/planner'
import type { Planner } from '@shoal/swarm/parts'
import type { TinyModel } from './tiny-model.ts'

/** Plans that are kept: a swarm that changes has as many views at once as news is on its way. */
const plansMax = 256

/**
 * Every node makes the same plan of the same snapshot, and here one makes it for all: it is a pure function, and most of
 * the work of a large simulation. `wrongPlans` makes some anew.
 */
export function createSharedPlanner({ manifest }: TinyModel): Planner {
  const costs = modelCosts(manifest.manifest.config, manifest.manifest.profile)
  const plans = new Map<string, Plan>()
  return (snapshot, hash) => {
    const known = plans.get(hash)
    if (known !== undefined) return known
    const made = plan(snapshot, costs, { objective: 'latency' })
    const [oldest] = plans.keys()
    if (plans.size >= plansMax && oldest !== undefined) plans.delete(oldest)
    plans.set(hash, made)
    return made
  }
}
