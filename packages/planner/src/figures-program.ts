/**
 * The planner as a process: `shoal bench planner` asks it over node's channel, and times the answers by its own clock.
 * A case is set first, so that an answer's time holds no parsing of a thousand peers.
 */
import type { Snapshot } from '@shoal/membership'
import { bruteForce } from './brute-force.ts'
import { createCluster, stageMicros, type Cluster } from './cluster.ts'
import { defaultContextTokens, type ModelCosts } from './costs.ts'
import { planExactly } from './exact.ts'
import { plan, planHash, usersOf, type Objective } from './plan.ts'
import { planBySearch } from './search.ts'

export type PlannerQuestion =
  | { readonly type: 'case'; readonly snapshot: Snapshot; readonly costs: ModelCosts }
  /** How the planner sees the case: what everything else can be computed from. */
  | { readonly type: 'view' }
  | { readonly type: 'pipelines'; readonly objective: Objective }
  | { readonly type: 'plan'; readonly objective: Objective }

interface Case {
  readonly snapshot: Snapshot
  readonly costs: ModelCosts
  readonly cluster: Cluster
}

function answer(question: PlannerQuestion, { snapshot, costs, cluster }: Case): unknown {
  const all = cluster.candidates.map((_, index) => index)
  switch (question.type) {
    case 'case':
      return { candidates: all.length }
    case 'view':
      return {
        stageMicros,
        candidates: cluster.candidates.map(({ capacity, blockMicros, member }) => ({ capacity, blockMicros, memoryBytes: member.hardware.memoryBytes })),
        hops: all.map((from) => all.map((to) => (from === to ? 0 : cluster.hop(from, to)))),
      }
    case 'pipelines': {
      const users = usersOf[question.objective]
      return { bruteForce: bruteForce(cluster, users), exact: planExactly(cluster, all, users) ?? null, search: planBySearch(cluster, users) ?? null }
    }
    case 'plan': {
      const made = plan(snapshot, costs, { objective: question.objective })
      return { planHash: planHash(made), stages: made.route.length }
    }
  }
}

let present: Case | undefined
process.on('message', (question: PlannerQuestion) => {
  if (question.type === 'case') {
    const { snapshot, costs } = question
    present = { snapshot, costs, cluster: createCluster(snapshot, costs, Math.min(defaultContextTokens, costs.contextLength)) }
  }
  if (present === undefined) throw new Error('a question came before its case')
  process.send?.(answer(question, present))
})
process.on('disconnect', () => process.exit())
