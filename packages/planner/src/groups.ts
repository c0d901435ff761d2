import type { Snapshot, SnapshotMember } from '@shoal/membership'
import { createCluster, stageMicros, type Candidate } from './cluster.ts'
import { defaultContextTokens, spanBytes, type ModelCosts } from './costs.ts'
import { sumMicros, sumOverheadMicros, sumsPerBlock } from './group-sums.ts'
import { hopMicros } from './links.ts'

/** One stage: a peer alone, or several that compute every block of it together, the leader first. */
export interface GroupStage {
  readonly peers: readonly string[]
  readonly blocks: number
  /** Micros of the stage's blocks that go into sums. */
  readonly sumMicros: number
}

/** Stages in the order of the ring. */
export interface GroupedPipeline {
  readonly stages: readonly GroupStage[]
  readonly tpotMicros: number
}

export interface GroupOptions {
  readonly contextTokens?: number
  /** Whether the model can be split over ranks of these speeds: heads and quantisation blocks decide. Default: always. */
  readonly canSplit?: (speeds: readonly number[]) => boolean
  /** Whether these may be one. Default: always. */
  readonly mayGroup?: (members: readonly SnapshotMember[]) => boolean
}

/** Devices that are combined in every way: Bell's numbers grow fast, and groups of more lose to their sums. */
const groupCandidatesMax = 6

/** The best pipeline for one user whose stages may be groups, and the best whose stages are single peers; null when the model fits in none. */
export function planGroups(
  snapshot: Snapshot,
  costs: ModelCosts,
  options: GroupOptions = {},
): { readonly grouped: GroupedPipeline | null; readonly single: GroupedPipeline | null } {
  const contextTokens = options.contextTokens ?? Math.min(defaultContextTokens, costs.contextLength)
  const candidates = [...createCluster(snapshot, costs, contextTokens).candidates]
    .sort((a, b) => a.blockMicros - b.blockMicros)
    .slice(0, groupCandidatesMax)
  let grouped: GroupedPipeline | null = null
  let single: GroupedPipeline | null = null
  for (const groups of partitions(candidates)) {
    const found = pipelineOf(groups, costs, contextTokens, options)
    if (found === null) continue
    if (
      groups.every((group) => group.length === 1) &&
      (single === null || found.tpotMicros < single.tpotMicros)
    )
      single = found
    if (grouped === null || found.tpotMicros < grouped.tpotMicros) grouped = found
  }
  return { grouped, single }
}

/**
 * What these peers would do in these groups, the first of each leading and a group of one alone.
 * @returns null when they cannot hold the model so, or cannot share its heads and columns
 */
export function predictGroups(
  snapshot: Snapshot,
  costs: ModelCosts,
  groups: readonly (readonly string[])[],
  options: GroupOptions = {},
): GroupedPipeline | null {
  const contextTokens = options.contextTokens ?? Math.min(defaultContextTokens, costs.contextLength)
  const { candidates } = createCluster(snapshot, costs, contextTokens)
  const found = groups.map((peers) =>
    candidates
      .filter(({ member }) => peers.includes(member.peerId))
      .sort((a, b) => peers.indexOf(a.member.peerId) - peers.indexOf(b.member.peerId)),
  )
  return found.some((group, index) => group.length !== groups[index]?.length)
    ? null
    : pipelineOf(found, costs, contextTokens, options)
}

/** Lines for `shoal plan --explain`: which groups would make a token faster, or why none does. */
export function explainGroups(
  snapshot: Snapshot,
  costs: ModelCosts,
  options: GroupOptions = {},
): readonly string[] {
  const { grouped, single } = planGroups(snapshot, costs, options)
  if (grouped === null) return ['groups: these devices cannot hold the model together']
  const ms = (micros: number): string => `${(micros / 1000).toFixed(2)} ms`
  const groups = grouped.stages.filter(({ peers }) => peers.length > 1)
  const lines = groups.map(
    ({ peers, blocks, sumMicros: sums }) =>
      `group ${peers.join(' + ')}: ${blocks} blocks together, ${ms(sums)} of a token for its sums`,
  )
  const gain =
    single === null
      ? 'no single devices hold the model'
      : `${ms(grouped.tpotMicros)} a token instead of ${ms(single.tpotMicros)} with single devices`
  if (groups.length > 0) return [...lines, `${gain} (shoal up --groups, or --rank)`]
  const closest = closestPair(snapshot, costs)
  if (closest === null) return ['groups: one device alone']
  const { pair, savedMicros, paidMicros } = closest
  const names = pair.map(({ member }) => member.peerId).join(' + ')
  if (!(options.canSplit ?? always)(speedsOf(pair)))
    return [`groups: none pays. Heads and columns of this model cannot be shared by ${names}`]
  const told = hopMicros(pair[0].member, pair[1].member, costs.rowBytes)
  return [
    `groups: none pays. ${names} come closest: together they would save ${ms(savedMicros)} of computing per block and pay ${ms(paidMicros)} for its two sums`,
    `  a sum: ${ms(paidMicros / sumsPerBlock)}, of which ${ms(sumOverheadMicros)} whatever the link; each token has to be told to the other first, ${ms(told)}`,
  ]
}

/** Why not: what the two devices for which it would cost least would save and pay in each block. */
function closestPair(
  snapshot: Snapshot,
  costs: ModelCosts,
): {
  readonly pair: readonly [Candidate, Candidate]
  readonly savedMicros: number
  readonly paidMicros: number
} | null {
  const { candidates } = createCluster(snapshot, costs, 1)
  let best: ReturnType<typeof closestPair> = null
  for (const [index, a] of candidates.entries()) {
    for (const b of candidates.slice(index + 1)) {
      const savedMicros = Math.min(a.blockMicros, b.blockMicros) - togetherMicros([a, b])
      const paidMicros = sumsPerBlock * sumMicros([a.member, b.member], costs)
      if (best === null || savedMicros - paidMicros > best.savedMicros - best.paidMicros)
        best = { pair: [a, b], savedMicros, paidMicros }
    }
  }
  return best
}

const always = (): boolean => true

const speedsOf = (group: readonly Candidate[]): number[] => group.map(({ blockMicros }) => 1 / blockMicros)

/** One block over all of a group: each rank takes a share in proportion to its speed. */
function togetherMicros(group: readonly Candidate[]): number {
  return 1 / group.reduce((speed, { blockMicros }) => speed + 1 / blockMicros, 0)
}

/** Every way to put some of the candidates into groups; within a group the fastest leads. */
function* partitions(
  candidates: readonly Candidate[],
  groups: readonly (readonly Candidate[])[] = [],
): Generator<readonly (readonly Candidate[])[]> {
  const [next, ...rest] = candidates
  if (next === undefined) {
    if (groups.length > 0) yield groups
    return
  }
  yield* partitions(rest, groups)
  yield* partitions(rest, [...groups, [next]])
  for (const [index, group] of groups.entries()) yield* partitions(rest, groups.with(index, [...group, next]))
}

function pipelineOf(
  groups: readonly (readonly Candidate[])[],
  costs: ModelCosts,
  contextTokens: number,
  { canSplit = always, mayGroup = always }: GroupOptions,
): GroupedPipeline | null {
  if (
    groups.some(
      (group) =>
        group.length > 1 && (!mayGroup(group.map(({ member }) => member)) || !canSplit(speedsOf(group))),
    )
  )
    return null
  const stages = groups.map((group) => {
    const members = group.map(({ member }) => member)
    const sums = sumsPerBlock * sumMicros(members, costs)
    // The rows of a call go to every member first.
    const call = Math.max(
      0,
      ...members.slice(1).map((member) => hopMicros(members[0] ?? member, member, costs.rowBytes)),
    )
    return {
      group,
      sums,
      call,
      blockMicros: togetherMicros(group) + sums,
      capacity: capacityOf(group, costs, contextTokens),
    }
  })
  const blocks = fill(stages, costs.blockCount)
  if (blocks === null) return null
  const compute = stages.reduce(
    (sum, { blockMicros, call }, index) => sum + (blocks[index] ?? 0) * blockMicros + call + stageMicros,
    0,
  )
  const leaders = groups.map((group) => group[0]?.member).filter((member) => member !== undefined)
  const { order, micros } = shortestRing(leaders.length, (from, to) =>
    hopMicros(leaders[from] ?? never(), leaders[to] ?? never(), costs.rowBytes),
  )
  return {
    tpotMicros: Math.ceil(compute + micros),
    stages: order.map((index) => ({
      peers: (groups[index] ?? []).map(({ member }) => member.peerId),
      blocks: blocks[index] ?? 0,
      sumMicros: Math.ceil((blocks[index] ?? 0) * (stages[index]?.sums ?? 0)),
    })),
  }
}

/** Blocks of which every rank can hold its share. */
function capacityOf(group: readonly Candidate[], costs: ModelCosts, contextTokens: number): number {
  const perBlock = spanBytes(1, costs, contextTokens) - spanBytes(0, costs, contextTokens)
  const together = togetherMicros(group)
  return Math.floor(
    Math.min(
      ...group.map(
        ({ member, blockMicros }) =>
          (0.8 * member.hardware.memoryBytes - spanBytes(0, costs, contextTokens)) /
          (perBlock * (together / blockMicros)),
      ),
    ),
  )
}

/** One block each, the rest where a block is cheapest. @returns null when they do not fit */
function fill(
  stages: readonly { readonly blockMicros: number; readonly capacity: number }[],
  blockCount: number,
): number[] | null {
  const blocks = stages.map(() => 1)
  let left = blockCount - stages.length
  if (left < 0 || stages.some(({ capacity }) => capacity < 1)) return null
  const cheapestFirst = [...stages.keys()].sort(
    (a, b) => (stages[a]?.blockMicros ?? 0) - (stages[b]?.blockMicros ?? 0),
  )
  for (const index of cheapestFirst) {
    const more = Math.min(left, (stages[index]?.capacity ?? 0) - 1)
    blocks[index] = 1 + more
    left -= more
  }
  return left === 0 ? blocks : null
}

/** Over all orders, the first stage fixed: six stages have 120. */
function shortestRing(
  count: number,
  hop: (from: number, to: number) => number,
): { readonly order: readonly number[]; readonly micros: number } {
  let best = { order: [] as readonly number[], micros: Number.POSITIVE_INFINITY }
  const walk = (order: readonly number[], micros: number): void => {
    if (micros >= best.micros) return
    const last = order.at(-1) ?? 0
    if (order.length === count) {
      const whole = micros + hop(last, 0)
      if (whole < best.micros) best = { order, micros: whole }
      return
    }
    for (let next = 1; next < count; next += 1)
      if (!order.includes(next)) walk([...order, next], micros + hop(last, next))
  }
  walk([0], 0)
  return best
}

function never(): never {
  throw new Error('a group has a leader')
}
