import { stageMicros, type Cluster } from '@shoal/planner/testing'

/** A cluster in the planner's terms. Times in integer microseconds. */
export interface ClusterView {
  readonly stageMicros: number
  readonly candidates: readonly {
    readonly capacity: number
    readonly blockMicros: number
    readonly memoryBytes: number
  }[]
  /** Time of one decode row from one candidate to another. */
  readonly hops: readonly (readonly number[])[]
}

/** A pipeline: candidates by index in order of their blocks, with so many each. */
export interface Cut {
  readonly order: readonly number[]
  readonly blocks: readonly number[]
}

export function viewOf(cluster: Cluster): ClusterView {
  const all = cluster.candidates.map((_, index) => index)
  return {
    stageMicros,
    candidates: cluster.candidates.map(({ capacity, blockMicros, member }) => ({
      capacity,
      blockMicros,
      memoryBytes: member.hardware.memoryBytes,
    })),
    hops: all.map((from) => all.map((to) => (from === to ? 0 : cluster.hop(from, to)))),
  }
}
