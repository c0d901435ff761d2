import type { Snapshot } from '@shoal/membership'
import { plan, type ModelCosts, type Plan, type SharesOf } from '@shoal/planner'

export const churnCosts: ModelCosts = {
  blockCount: 24,
  blockBytes: 1_000_000,
  cacheBytesPerTokenPerBlock: 1000,
  rowBytes: 4096,
  contextLength: 1024,
}

/** A model that can be split in any way. */
const shares: SharesOf = (speeds) =>
  speeds.map((speed) => Math.ceil((1000 * speed) / speeds.reduce((sum, other) => sum + other, 0)))

/** Whether members take part in groups is in their records; a plan of others has none. */
export function churnPlan(snapshot: Snapshot): Plan {
  const known = plans.get(snapshot)
  if (known !== undefined) return known
  const made = plan({ ...snapshot, costs: churnCosts }, { objective: 'latency', shares })
  plans.set(snapshot, made)
  return made
}

/** Members give the same snapshot again until it changes, and are asked every quarter of a second. */
const plans = new WeakMap<Snapshot, Plan>()

/** What may be true of no plan, whatever its snapshot. */
export function planViolations({ placements }: Plan, { members }: Snapshot): string[] {
  const groups = placements.flatMap(({ peer, group }) =>
    group === undefined ? [] : [[peer, ...group.ranks]],
  )
  const named = groups.flat()
  return [
    ...(new Set(named).size < named.length
      ? [`a plan puts somebody into two groups: ${groups.map((names) => names.join('+')).join(' ')}`]
      : []),
    ...groups.flatMap((names) => {
      const machines = names.map((name) => members.find(({ peerId }) => peerId === name)?.machine)
      return machines.includes(undefined) || new Set(machines).size < machines.length
        ? [`a plan makes a group of ${names.join('+')} on machines ${machines.join(' ')}`]
        : []
    }),
  ]
}
