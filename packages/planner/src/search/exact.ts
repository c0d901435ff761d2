import { candidateAt, type Cluster } from './cluster.ts'
import { comparePipelines, createPipeline, type Pipeline } from './pipeline.ts'

/** Most candidates for the exact search. The rings and cuts of 2^10 subsets take some milliseconds. */
export const exactCandidatesMax = 10

/**
 * The best pipeline over any subset of these candidates. It is exact: hops do not depend on how many blocks a stage has,
 * so for each subset the shortest ring (Held and Karp, 1962) and the best cut are independent of each other.
 */
export function planExactly(cluster: Cluster, among: readonly number[]): Pipeline | undefined {
  let best: Pipeline | undefined
  const room = roomOf(cluster, among)
  for (const { order, cycle } of shortestRings(
    cluster,
    among,
    (mask) => (room[mask] ?? 0) >= cluster.costs.blockCount,
  )) {
    const pipeline = createPipeline(cluster, order, cycle, best)
    if (pipeline !== undefined && (best === undefined || comparePipelines(pipeline, best, cluster.users) < 0))
      best = pipeline
  }
  return best
}

/** How many blocks each subset can hold. Most subsets are too small for the model, so their rings are not built. */
function roomOf(cluster: Cluster, among: readonly number[]): Float64Array {
  const room = new Float64Array(1 << among.length)
  for (let mask = 1; mask < room.length; mask += 1) {
    const lowest = 31 - Math.clz32(mask & -mask)
    room[mask] = (room[mask & (mask - 1)] ?? 0) + candidateAt(cluster, among[lowest] ?? -1).capacity
  }
  return room
}

/**
 * The shortest ring through each wanted subset. A ring starts at the smallest member of its subset; `reach[mask][last]` is
 * the length of the shortest path from there through all of `mask` that ends at `last`.
 */
function* shortestRings(
  cluster: Cluster,
  among: readonly number[],
  isWanted: (mask: number) => boolean,
): Generator<{ order: number[]; cycle: number }> {
  const count = among.length
  const hops = among.map((from) => among.map((to) => (from === to ? 0 : cluster.hop(from, to))))
  const hop = (from: number, to: number): number => hops[from]?.[to] ?? 0
  const reach = new Float64Array(count << count).fill(Number.POSITIVE_INFINITY)
  const before = new Int8Array(count << count).fill(-1)
  for (let mask = 1; mask < 1 << count; mask += 1) {
    const first = 31 - Math.clz32(mask & -mask)
    if (mask === 1 << first) reach[mask * count + first] = 0
    let cycle = Number.POSITIVE_INFINITY
    let end = first
    for (let last = first; last < count; last += 1) {
      const length = reach[mask * count + last] ?? Number.POSITIVE_INFINITY
      if (length === Number.POSITIVE_INFINITY) continue
      const ring = mask === 1 << first ? 0 : length + hop(last, first)
      if (ring < cycle) [cycle, end] = [ring, last]
      for (let next = first + 1; next < count; next += 1) {
        if ((mask & (1 << next)) !== 0) continue
        const at = (mask | (1 << next)) * count + next
        if (length + hop(last, next) >= (reach[at] ?? 0)) continue
        reach[at] = length + hop(last, next)
        before[at] = last
      }
    }
    if (isWanted(mask)) yield { order: walkBack(mask, end), cycle }
  }

  function walkBack(mask: number, end: number): number[] {
    const order: number[] = []
    for (let [left, last] = [mask, end]; last >= 0;) {
      order.unshift(among[last] ?? -1)
      const previous = before[left * count + last] ?? -1
      left &= ~(1 << last)
      last = previous
    }
    return order
  }
}
