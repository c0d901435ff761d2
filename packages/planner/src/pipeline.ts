import { allocate, sharedMicros } from './allocate.ts'
import { candidateAt, type Cluster } from './cluster.ts'

/** One way through the model: candidates in order of their blocks. */
export interface Pipeline {
  readonly order: readonly number[]
  readonly blocks: readonly number[]
  readonly tokenMicros: number
  readonly periodMicros: number
}

/** All hops around a ring of candidates; none for one alone. */
export function cycleMicros(cluster: Cluster, order: readonly number[]): number {
  if (order.length < 2) return 0
  return order.reduce(
    (sum, from, index) => sum + cluster.hop(from, order[(index + 1) % order.length] ?? from),
    0,
  )
}

/**
 * The best cut over a ring of candidates; undefined when they cannot hold the model, one would be left over, or it costs
 * more than the best that is `known`.
 */
export function createPipeline(
  cluster: Cluster,
  order: readonly number[],
  users: number,
  cycle = cycleMicros(cluster, order),
  known?: Pipeline,
): Pipeline | undefined {
  const allocation = allocate(
    cluster,
    order,
    cycle,
    users,
    known === undefined ? undefined : sharedMicros(known, users),
  )
  return allocation === undefined ? undefined : { order, ...allocation }
}

/** A total order, so that every peer chooses the same of two equals: cost, token time, stages, peer ids. */
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

/** A ring has no beginning: it starts at its smallest index and goes on to the smaller neighbour. */
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
