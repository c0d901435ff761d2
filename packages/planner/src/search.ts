import { candidateAt, stageMicros, type Cluster } from './cluster.ts'
import { planExactly } from './exact.ts'
import { applyMove, canKeep, limitsToBeat, movesOf } from './moves.ts'
import { comparePipelines, createPipeline, cycleMicros, normalRing, type Pipeline } from './pipeline.ts'

/** Sets of so many are searched whole inside the search: a quarter of the exact planner's work. */
const poolMax = 8
/** Candidates near a start that moves may bring in. */
const nearMax = 24
/** Beyond so many stages each move is dearer and matters less: fewer of them are tried, from fewer centres. */
const longRing = 16
const nearMaxLong = 8
const centresMaxLong = 3
/** Rounds of moves: each must improve, and most starts are at rest after three. */
const roundsMax = 6
/** Starts: the fastest and the largest nodes, each with its surroundings. */
const centresMax = 8

/**
 * A good pipeline over many candidates: from several centres, candidates are ranked by what a block costs on them
 * (`block + (2 hops + stage) / capacity`), taken until the model fits, and then improved by exact search in small pools
 * or by moves. No clock and no chance: the work is bounded by counts, and every peer finds the same.
 */
export function planBySearch(cluster: Cluster, users: number): Pipeline | undefined {
  let best: Pipeline | undefined
  for (const [tried, centre] of centres(cluster).entries()) {
    if (best !== undefined && best.order.length > longRing && tried >= centresMaxLong) break
    const ranking = rank(cluster, centre)
    const grown = grow(cluster, ranking, users)
    if (grown === undefined) continue
    const improved =
      grown.order.length <= poolMax
        ? improveInPools(cluster, grown, ranking, users)
        : improveByMoves(cluster, grown, ranking, users)
    if (best === undefined || comparePipelines(improved, best, users) < 0) best = improved
  }
  return best
}

/** No centre first: the ranking by speed and size alone. */
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

function rank(cluster: Cluster, centre: number | undefined): readonly number[] {
  const costs = cluster.candidates.map(({ capacity, blockMicros }, index) => {
    const hops = centre === undefined || centre === index ? 0 : 2 * cluster.hop(centre, index)
    return blockMicros + (hops + stageMicros) / capacity
  })
  const ranking = cluster.candidates
    .map((_, index) => index)
    .sort((a, b) => (costs[a] ?? 0) - (costs[b] ?? 0) || a - b)
  return centre === undefined ? ranking : [centre, ...ranking.filter((index) => index !== centre)]
}

function grow(cluster: Cluster, ranking: readonly number[], users: number): Pipeline | undefined {
  const set: number[] = []
  let room = 0
  for (const index of ranking) {
    if (room >= cluster.costs.blockCount) break
    set.push(index)
    room += candidateAt(cluster, index).capacity
  }
  return pipelineOver(cluster, set, users)
}

/** Exact within the present set and the next of the ranking, window by window. */
function improveInPools(
  cluster: Cluster,
  start: Pipeline,
  ranking: readonly number[],
  users: number,
): Pipeline {
  let best = start
  let others = ranking.slice(0, nearMax)
  for (let round = 0; round < roundsMax; round += 1) {
    others = others.filter((index) => !best.order.includes(index))
    const room = poolMax - best.order.length
    if (room <= 0 || others.length === 0) break
    const pool = [...best.order, ...others.slice(0, room)].sort((a, b) => a - b)
    others = others.slice(room)
    const found = planExactly(cluster, pool, users)
    if (found !== undefined && comparePipelines(found, best, users) < 0) best = found
  }
  return best
}

/** Leave one out, take one in, change one for another; the best of each round. */
function improveByMoves(
  cluster: Cluster,
  start: Pipeline,
  ranking: readonly number[],
  users: number,
): Pipeline {
  let best = start
  for (let round = 0; round < roundsMax; round += 1) {
    const before = best
    const near = before.order.length > longRing ? nearMaxLong : nearMax
    const others = ranking
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
      if (
        !limits.some((limit) => canKeep(cluster, fastestFirst, dropped, move.add, cycle + move.longer, limit))
      )
        continue
      const found = createPipeline(cluster, applyMove(before.order, move), users, cycle + move.longer, best)
      if (found === undefined || comparePipelines(found, best, users) >= 0) continue
      best = found
      limits = limitsToBeat(best, users)
    }
    if (best === before) break
    // A move leaves the ring as it is but for one member; the whole of it may go shorter now.
    const reordered = pipelineOver(cluster, best.order, users)
    if (reordered !== undefined && comparePipelines(reordered, best, users) < 0) best = reordered
  }
  return best
}

/** Nearest neighbour first, then two-opt until no exchange of two hops shortens the ring. */
function pipelineOver(cluster: Cluster, set: readonly number[], users: number): Pipeline | undefined {
  const left = new Set(set)
  const order: number[] = []
  for (let at = set[0]; at !== undefined;) {
    order.push(at)
    left.delete(at)
    const from: number = at
    at = [...left].sort((a, b) => cluster.hop(from, a) - cluster.hop(from, b) || a - b)[0]
  }
  return createPipeline(cluster, normalRing(twoOpt(cluster, order)), users)
}

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
