import type { Snapshot } from '@shoal/membership'
import { plan, type ModelCosts, type Plan, type SharesOf } from '@shoal/planner'

export const churnCosts: ModelCosts = {
  blockCount: 24,
  blockBytes: 1_000_000,
  cacheBytesPerTokenPerBlock: 1000,
  rowBytes: 4096,
  contextLength: 1024,
}

/** Shares of a model that can be split in any proportion. */
const shares: SharesOf = (speeds) =>
  speeds.map((speed) => Math.ceil((1000 * speed) / speeds.reduce((sum, other) => sum + other, 0)))

/** The plan of a snapshot. Groups appear only when the members' records say that they take part in groups. */
export function churnPlan(snapshot: Snapshot): Plan {
  const known = plans.get(snapshot)
  if (known !== undefined) return known
  const made = plan({ ...snapshot, costs: churnCosts }, { objective: 'latency', shares })
  plans.set(snapshot, made)
  return made
}

/** Plans by snapshot: a member returns the same object until its snapshot changes. */
const plans = new WeakMap<Snapshot, Plan>()

/** Breaches of the rules that hold for every plan: no peer in two groups, no two members of a group on one machine. */
export function planViolations({ placements }: Plan, { members }: Snapshot): string[] {
  const groups = placements.flatMap(({ peer, group }) =>
    group === undefined ? [] : [[peer, ...group.ranks]],
  )
  const named = groups.flat()
  return [
    ...(new Set(named).size < named.length
      ? [`a plan puts one peer into two groups: ${groups.map((names) => names.join('+')).join(' ')}`]
      : []),
    ...groups.flatMap((names) => {
      const machines = names.map((name) => members.find(({ peerId }) => peerId === name)?.machine)
      return machines.includes(undefined) || new Set(machines).size < machines.length
        ? [`a plan makes a group of ${names.join('+')} on machines ${machines.join(' ')}`]
        : []
    }),
  ]
}
