import type { ClusterView, Cut } from './planner-view.ts'

/**
 * How other systems cut a model over nodes, after their sources as read in 2026. None of them orders its stages by
 * links, so theirs stand in the order in which the nodes are listed, or as their own rule has it. A rule that gives a
 * node more than fits it fails, as it does there; `undefined` then.
 */
export const baselines: Readonly<Record<string, (view: ClusterView, blockCount: number) => Cut | undefined>> =
  {
    /** exo: the fewest nodes that hold the model, of these the largest, in proportion to memory by largest remainder, at least one each. */
    proportionalToMemory: (view, blockCount) => {
      const order = fewest(view, blockCount)
      if (order === undefined || order.length > blockCount) return undefined
      const shares = sharesOf(
        order.map((index) => view.candidates[index]?.memoryBytes ?? 0),
        blockCount,
      )
      return largestRemainder(
        view,
        order,
        shares.map((share) => Math.max(1, Math.floor(share))),
        shares,
        order.map(() => blockCount),
        blockCount,
      )
    },
    /** cake: all nodes, in proportion to speed, capped by memory, the deficit passed on to those with room. */
    proportionalToSpeed: (view, blockCount) => {
      const order = view.candidates.map((_, index) => index)
      const shares = sharesOf(
        view.candidates.map(({ blockMicros }) => 1 / blockMicros),
        blockCount,
      )
      const capacity = view.candidates.map((candidate) => candidate.capacity)
      return largestRemainder(
        view,
        order,
        shares.map((share, at) => Math.min(capacity[at] ?? 0, Math.floor(share))),
        shares,
        capacity,
        blockCount,
      )
    },
    /** distributed-llama: equal shares (it slices tensors; here its shares as blocks), on 2^n nodes, the first of the list. */
    equal: (view, blockCount) => {
      const nodes = 2 ** Math.floor(Math.log2(Math.max(1, Math.min(view.candidates.length, blockCount))))
      const blocks = Array.from(
        { length: nodes },
        (_, at) => Math.floor(((at + 1) * blockCount) / nodes) - Math.floor((at * blockCount) / nodes),
      )
      return fitting(view, { order: blocks.map((_, at) => at), blocks })
    },
    minHole,
    waterFilling,
  }

function fitting(view: ClusterView, cut: Cut): Cut | undefined {
  const used = cut.order
    .map((index, at) => ({ index, blocks: cut.blocks[at] ?? 0 }))
    .filter(({ blocks }) => blocks > 0)
  if (used.some(({ index, blocks }) => blocks > (view.candidates[index]?.capacity ?? 0))) return undefined
  return { order: used.map(({ index }) => index), blocks: used.map(({ blocks }) => blocks) }
}

function sharesOf(weights: readonly number[], blockCount: number): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.map((weight) => (blockCount * weight) / total)
}

/** The largest nodes that together hold the model. */
function fewest(view: ClusterView, blockCount: number): number[] | undefined {
  const largest = view.candidates
    .map((_, index) => index)
    .sort((a, b) => (view.candidates[b]?.capacity ?? 0) - (view.candidates[a]?.capacity ?? 0) || a - b)
  const order: number[] = []
  for (let room = 0; room < blockCount;) {
    const next = largest[order.length]
    if (next === undefined) return undefined
    order.push(next)
    room += view.candidates[next]?.capacity ?? 0
  }
  return order
}

/** Distributes the remaining blocks to nodes with room by largest unmet share, and takes excess blocks from the fullest. */
function largestRemainder(
  view: ClusterView,
  order: readonly number[],
  given: readonly number[],
  shares: readonly number[],
  capacity: readonly number[],
  blockCount: number,
): Cut | undefined {
  const blocks = [...given]
  const unmet = (at: number): number => (shares[at] ?? 0) - (blocks[at] ?? 0)
  for (let sum = blocks.reduce((a, b) => a + b, 0); sum !== blockCount;) {
    const step = sum < blockCount ? 1 : -1
    const able = blocks
      .map((_, at) => at)
      .filter((at) => (step > 0 ? (blocks[at] ?? 0) < (capacity[at] ?? 0) : (blocks[at] ?? 0) > 1))
    const chosen = able.sort((a, b) => step * (unmet(b) - unmet(a)) || a - b)[0]
    if (chosen === undefined) return undefined
    blocks[chosen] = (blocks[chosen] ?? 0) + step
    sum += step
  }
  return fitting(view, { order, blocks })
}

/**
 * Petals: servers join one by one with as many blocks as fit, each where the sorted throughputs of its window are
 * lexicographically smallest. A client then takes the way of least time (its `min_latency` mode) over what is held.
 */
function minHole(view: ClusterView, blockCount: number): Cut | undefined {
  const throughput = Array.from({ length: blockCount }, () => 0)
  const spans = view.candidates.map(({ capacity, blockMicros }) => {
    const length = Math.min(capacity, blockCount)
    const starts = Array.from({ length: blockCount - length + 1 }, (_, start) => start)
    const sorted = (start: number): number[] => throughput.slice(start, start + length).sort((a, b) => a - b)
    const start = starts.reduce((best, other) => (isSmaller(sorted(other), sorted(best)) ? other : best), 0)
    // A random path uses half of a span on average: its server's throughput is that of half of its blocks.
    for (let block = start; block < start + length; block += 1)
      throughput[block] = (throughput[block] ?? 0) + 1 / (blockMicros * ((length + 1) / 2))
    return { start, end: start + length }
  })
  return quickestWay(view, spans, blockCount)
}

function isSmaller(a: readonly number[], b: readonly number[]): boolean {
  const apart = a.findIndex((value, at) => value !== b[at])
  return apart >= 0 && (a[apart] ?? 0) < (b[apart] ?? 0)
}

/** Least time from the first block to the last; a server's span is used to its end. */
function quickestWay(
  view: ClusterView,
  spans: readonly { readonly start: number; readonly end: number }[],
  blockCount: number,
): Cut | undefined {
  interface Way extends Cut {
    readonly micros: number
  }
  const ways = new Map<string, Way>([['0 -1', { order: [], blocks: [], micros: 0 }]])
  for (let block = 0; block < blockCount; block += 1) {
    for (const [key, way] of ways) {
      const [at, last] = key.split(' ').map(Number)
      if (at !== block || last === undefined) continue
      for (const [index, { start, end }] of spans.entries()) {
        if (block < start || block >= end || way.order.includes(index)) continue
        const blocks = end - block
        const micros =
          way.micros +
          (last < 0 ? 0 : (view.hops[last]?.[index] ?? 0)) +
          blocks * (view.candidates[index]?.blockMicros ?? 0) +
          view.stageMicros
        if (micros >= (ways.get(`${end} ${index}`)?.micros ?? Number.POSITIVE_INFINITY)) continue
        ways.set(`${end} ${index}`, { order: [...way.order, index], blocks: [...way.blocks, blocks], micros })
      }
    }
  }
  const whole = [...ways]
    .filter(([key, { order }]) => key.startsWith(`${blockCount} `) && order.length > 0)
    .map(([, way]) => way)
  const [quickest] = whole.sort((a, b) => a.micros - b.micros)
  return quickest && { order: quickest.order, blocks: quickest.blocks }
}

/**
 * Parallax, for one pipeline: the fewest nodes that hold the model (largest first), then water-filling: the level λ at
 * which Σ min(capacity, λ · speed) is the model, by 40 halvings; floors, and largest remainders where there is room.
 */
function waterFilling(view: ClusterView, blockCount: number): Cut | undefined {
  const order = fewest(view, blockCount)
  if (order === undefined) return undefined
  const nodes = order.map((index) => ({
    capacity: view.candidates[index]?.capacity ?? 0,
    speed: 1 / (view.candidates[index]?.blockMicros ?? 1),
  }))
  let [low, high] = [0, Math.max(...nodes.map(({ capacity, speed }) => capacity / speed))]
  for (let halving = 0; halving < 40; halving += 1) {
    const level = (low + high) / 2
    if (nodes.reduce((sum, { capacity, speed }) => sum + Math.min(capacity, level * speed), 0) < blockCount)
      low = level
    else high = level
  }
  const shares = nodes.map(({ capacity, speed }) => Math.min(capacity, high * speed))
  return largestRemainder(
    view,
    order,
    shares.map(Math.floor),
    shares,
    nodes.map(({ capacity }) => capacity),
    blockCount,
  )
}
