import { allocate, sharedMicros } from './allocate.ts'
import { candidateAt, type Cluster } from './cluster.ts'

/** Candidates that together hold all blocks, with the number of blocks of each. */
export interface Pipeline {
  /** Candidates by index, in the order of their blocks. */
  readonly order: readonly number[]
  /** How many blocks each of them has. */
  readonly blocks: readonly number[]
  readonly tokenMicros: number
  readonly periodMicros: number
}

/** Time of all hops around a ring of candidates; zero for a ring of one. */
export function cycleMicros(cluster: Cluster, order: readonly number[]): number {
  if (order.length < 2) return 0
  return order.reduce(
    (sum, from, index) => sum + cluster.hop(from, order[(index + 1) % order.length] ?? from),
    0,
  )
}

/**
 * The best cut over a ring of candidates.
 * @returns undefined when they cannot hold the model, when there are fewer blocks than candidates, or when every cut costs
 *   more than the pipeline `known`
 */
export function createPipeline(
  cluster: Cluster,
  order: readonly number[],
  cycle = cycleMicros(cluster, order),
  known?: Pipeline,
): Pipeline | undefined {
  const allocation = allocate(
    cluster,
    order,
    cycle,
    known === undefined ? undefined : sharedMicros(known, cluster.users),
  )
  return allocation === undefined ? undefined : { order, ...allocation }
}

/** A total order by cost, token time, period, number of stages, peer ids: every peer chooses the same of two equals. */
export function comparePipelines(a: Pipeline, b: Pipeline, users: number): number {
  const difference =
    sharedMicros(a, users) - sharedMicros(b, users) ||
    a.tokenMicros - b.tokenMicros ||
    a.periodMicros - b.periodMicros ||
    a.order.length - b.order.length
  if (difference !== 0) return difference
  const apart = a.order.findIndex((candidate, index) => candidate !== b.order[index])
  return apart < 0 ? 0 : (a.order[apart] ?? 0) - (b.order[apart] ?? 0)
}

/** The canonical form of a ring: it starts at its smallest index and goes on to the smaller of the two neighbours. */
export function normalRing(order: readonly number[]): readonly number[] {
  const start = order.indexOf(Math.min(...order))
  const forward = [...order.slice(start), ...order.slice(0, start)]
  const backward = [...forward.slice(0, 1), ...forward.slice(1).reverse()]
  return (forward[1] ?? 0) <= (backward[1] ?? 0) ? forward : backward
}

/** Stages as spans over the model. */
export function stagesOf(
  cluster: Cluster,
  pipeline: Pipeline,
): { readonly peer: string; readonly start: number; readonly end: number }[] {
  let start = 0
  return pipeline.order.map((candidate, index) => {
    const end = start + (pipeline.blocks[index] ?? 0)
    const stage = { peer: candidateAt(cluster, candidate).member.peerId, start, end }
    start = end
    return stage
  })
}
