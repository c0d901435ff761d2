import { stageMicros } from '../costs/stage.ts'
import { candidateAt, type Cluster } from './cluster.ts'
import { planExactly } from './exact.ts'
import { applyMove, canKeep, limitsToBeat, movesOf } from './moves.ts'
import { comparePipelines, createPipeline, cycleMicros, normalRing, type Pipeline } from './pipeline.ts'

/**
 * Most candidates of a pool that is planned exactly inside the search. It takes a quarter of the work of the largest
 * exact plan.
 */
const poolMax = 8
/** How many candidates near a start the moves may bring in. */
const nearMax = 24
/**
 * A ring of more stages is long: each of its moves costs more to try and matters less, so fewer candidates
 * (`nearMaxLong`) and fewer centres (`centresMaxLong`) are tried.
 */
const longRing = 16
const nearMaxLong = 8
const centresMaxLong = 3
/** Most rounds of moves. Each round must improve the pipeline, and most starts come to rest after three. */
const roundsMax = 6
/** How many nodes the search starts from: half of them the fastest, half of them the largest. */
const centresMax = 8

/**
 * A good pipeline over many candidates. From each of several centres, candidates are sorted by what a block costs on them
 * (`block + (2 hops + stage) / capacity`) and taken until the model fits; the pipeline is then improved by exact search in
 * small pools or by moves. The work is bounded by counts, not by time, so every peer finds the same pipeline.
 */
export function planBySearch(cluster: Cluster): Pipeline | undefined {
  let best: Pipeline | undefined
  for (const [tried, centre] of centres(cluster).entries()) {
    if (best !== undefined && best.order.length > longRing && tried >= centresMaxLong) break
    const nearest = cheapestFirst(cluster, centre)
    const grown = grow(cluster, nearest)
    if (grown === undefined) continue
    const improved =
      grown.order.length <= poolMax
        ? improveInPools(cluster, grown, nearest)
        : improveByMoves(cluster, grown, nearest)
    if (best === undefined || comparePipelines(improved, best, cluster.users) < 0) best = improved
  }
  return best
}

/** Candidates to start from; undefined stands for no centre, which sorts by speed and size alone. */
function centres(cluster: Cluster): (number | undefined)[] {
  const all = cluster.candidates.map((_, index) => index)
  const fastest = [...all].sort(
    (a, b) => candidateAt(cluster, a).blockMicros - candidateAt(cluster, b).blockMicros || a - b,
  )
  const largest = [...all].sort(
    (a, b) => candidateAt(cluster, b).capacity - candidateAt(cluster, a).capacity || a - b,
  )
  return [undefined, ...new Set([...fastest.slice(0, centresMax / 2), ...largest.slice(0, centresMax / 2)])]
}

/** All candidates by the cost of a block on them, seen from the centre, which comes first. */
function cheapestFirst(cluster: Cluster, centre: number | undefined): readonly number[] {
  const costs = cluster.candidates.map(({ capacity, blockMicros }, index) => {
    const hops = centre === undefined || centre === index ? 0 : 2 * cluster.hop(centre, index)
    return blockMicros + (hops + stageMicros) / capacity
  })
  const sorted = cluster.candidates
    .map((_, index) => index)
    .sort((a, b) => (costs[a] ?? 0) - (costs[b] ?? 0) || a - b)
  return centre === undefined ? sorted : [centre, ...sorted.filter((index) => index !== centre)]
}

/** Takes candidates in this order until the model fits. */
function grow(cluster: Cluster, nearest: readonly number[]): Pipeline | undefined {
  const set: number[] = []
  let room = 0
  for (const index of nearest) {
    if (room >= cluster.costs.blockCount) break
    set.push(index)
    room += candidateAt(cluster, index).capacity
  }
  return pipelineOver(cluster, set)
}

/** Improves a pipeline by exact search over its members and the next candidates, pool by pool. */
function improveInPools(cluster: Cluster, start: Pipeline, nearest: readonly number[]): Pipeline {
  const { users } = cluster
  let best = start
  let others = nearest.slice(0, nearMax)
  for (let round = 0; round < roundsMax; round += 1) {
    others = others.filter((index) => !best.order.includes(index))
    const room = poolMax - best.order.length
    if (room <= 0 || others.length === 0) break
    const pool = [...best.order, ...others.slice(0, room)].sort((a, b) => a - b)
    others = others.slice(room)
    const found = planExactly(cluster, pool)
    if (found !== undefined && comparePipelines(found, best, users) < 0) best = found
  }
  return best
}

/** Improves a pipeline by changing one member at a time; the best move of each round is taken. */
function improveByMoves(cluster: Cluster, start: Pipeline, nearest: readonly number[]): Pipeline {
  const { users } = cluster
  let best = start
  for (let round = 0; round < roundsMax; round += 1) {
    const before = best
    const near = before.order.length > longRing ? nearMaxLong : nearMax
    const others = nearest
      .slice(0, before.order.length + near)
      .filter((index) => !before.order.includes(index))
      .slice(0, near)
    const cycle = cycleMicros(cluster, before.order)
    const fastestFirst = [...before.order].sort(
      (a, b) => candidateAt(cluster, a).blockMicros - candidateAt(cluster, b).blockMicros || a - b,
    )
    let limits = limitsToBeat(best, users)
    for (const move of movesOf(cluster, before.order, others)) {
      const dropped = move.drop ? before.order[move.at] : undefined
      const change = { dropped, added: move.add, cycleMicros: cycle + move.longer }
      if (!limits.some((limit) => canKeep(cluster, fastestFirst, change, limit))) continue
      const found = createPipeline(cluster, applyMove(before.order, move), change.cycleMicros, best)
      if (found === undefined || comparePipelines(found, best, users) >= 0) continue
      best = found
      limits = limitsToBeat(best, users)
    }
    if (best === before) break
    // A move changes only one member of the ring; another order of all members may be shorter now.
    const reordered = pipelineOver(cluster, best.order)
    if (reordered !== undefined && comparePipelines(reordered, best, users) < 0) best = reordered
  }
  return best
}

/** A short ring over a set: nearest neighbour first, then two-opt (Croes, 1958). */
function pipelineOver(cluster: Cluster, set: readonly number[]): Pipeline | undefined {
  const left = new Set(set)
  const order: number[] = []
  for (let at = set[0]; at !== undefined;) {
    order.push(at)
    left.delete(at)
    const from: number = at
    at = [...left].sort((a, b) => cluster.hop(from, a) - cluster.hop(from, b) || a - b)[0]
  }
  return createPipeline(cluster, normalRing(twoOpt(cluster, order)))
}

/** Exchanges pairs of hops until none of the exchanges shortens the ring, for at most `roundsMax` rounds. */
function twoOpt(cluster: Cluster, order: readonly number[]): readonly number[] {
  let best = order
  let cycle = cycleMicros(cluster, best)
  for (let round = 0; round < roundsMax; round += 1) {
    const before = cycle
    for (let from = 1; from < best.length - 1; from += 1) {
      for (let to = from + 1; to < best.length; to += 1) {
        const [a, b, c, d] = [best[from - 1], best[from], best[to], best[(to + 1) % best.length]]
        if (a === undefined || b === undefined || c === undefined || d === undefined)
          throw new Error('two-opt left its ring')
        const gain = cluster.hop(a, b) + cluster.hop(c, d) - cluster.hop(a, c) - cluster.hop(b, d)
        if (gain <= 0) continue
        best = [...best.slice(0, from), ...best.slice(from, to + 1).reverse(), ...best.slice(to + 1)]
        cycle -= gain
      }
    }
    if (cycle === before) break
  }
  return best
}
