import type { SnapshotMember } from '@shoal/membership'
import { blockShareBytes, spanBytes, usableBytes } from '../costs/costs.ts'
import { hopMicros } from '../costs/links.ts'
import { stageMicros } from '../costs/stage.ts'
import { createCluster, type Candidate } from '../search/cluster.ts'
import { contextTokensOf, type PlannerSnapshot } from '../snapshot.ts'
import { blockSumMicros } from './group-sums.ts'
import { coarseSnapshot } from './coarse-snapshot.ts'
import type { SharesOf } from './grouping.ts'
import { rankSpeeds } from './rank-speeds.ts'

/** One stage: a single peer, or a group of peers that compute every block together. */
export interface GroupStage {
  /** Peer ids by rank; the first leads. */
  readonly peers: readonly string[]
  readonly blocks: number
  /** The part of a token's time at this stage that goes into sums. */
  readonly sumMicros: number
}

/** Stages in the order of the ring. */
export interface GroupedPipeline {
  readonly stages: readonly GroupStage[]
  readonly tpotMicros: number
}

export interface GroupOptions {
  /** Whether the model's heads and quantisation blocks can be split over ranks of these speeds. Default: always. */
  readonly canSplit?: (speeds: readonly number[]) => boolean
  /** Thousandths of a block's weights by rank; used where ranks share experts. */
  readonly shares?: SharesOf
  /** Whether these members may form one group. Default: always. */
  readonly mayGroup?: (members: readonly SnapshotMember[]) => boolean
}

/**
 * Most devices that are combined in every way: the fastest ones. The number of partitions grows like the Bell numbers,
 * and larger groups lose more to their sums than they gain.
 */
const groupCandidatesMax = 6

/**
 * Searches over groups of the fastest devices, for one user.
 * @returns the best pipeline whose stages may be groups, and the best one of single peers; null when no pipeline holds
 *   the model
 */
export function planGroups(snapshot: PlannerSnapshot, options: GroupOptions = {}): PlannedGroups {
  if (snapshot.costs.activeExperts === undefined) return searchGroups(snapshot, options)
  // Needed for memory, and chosen so that they stay the same while they are being formed.
  const chosen = searchGroups(coarseSnapshot(snapshot), options)
  const predicted = (pipeline: GroupedPipeline | null): GroupedPipeline | null =>
    pipeline === null
      ? null
      : predictGroups(
          snapshot,
          pipeline.stages.map(({ peers }) => peers),
          options,
        )
  return { grouped: predicted(chosen.grouped), single: predicted(chosen.single) }
}

export interface PlannedGroups {
  readonly grouped: GroupedPipeline | null
  readonly single: GroupedPipeline | null
}

function searchGroups(snapshot: PlannerSnapshot, options: GroupOptions): PlannedGroups {
  const candidates = [...createCluster(snapshot, 1, blocksLeast(snapshot)).candidates]
    .sort((a, b) => a.blockMicros - b.blockMicros)
    .slice(0, groupCandidatesMax)
  let grouped: GroupedPipeline | null = null
  let single: GroupedPipeline | null = null
  for (const groups of partitions(candidates)) {
    const found = pipelineOf(snapshot, groups, options)
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
 * Predicts a pipeline of given groups. The first peer of each group leads; a group of one is a single peer.
 * @returns null when the groups cannot hold the model, or cannot share its heads and columns
 */
export function predictGroups(
  snapshot: PlannerSnapshot,
  groups: readonly (readonly string[])[],
  options: GroupOptions = {},
): GroupedPipeline | null {
  const { candidates } = createCluster(snapshot, 1, blocksLeast(snapshot))
  const found = groups.map((peers) =>
    candidates
      .filter(({ member }) => peers.includes(member.peerId))
      .sort((a, b) => peers.indexOf(a.member.peerId) - peers.indexOf(b.member.peerId)),
  )
  return found.some((group, index) => group.length !== groups[index]?.length)
    ? null
    : pipelineOf(snapshot, found, options)
}

/** A member whose memory is too small for a whole block may hold some of its experts. */
export const blocksLeast = ({ costs }: Pick<PlannerSnapshot, 'costs'>): number =>
  costs.activeExperts === undefined ? 1 : 0

const always = (): boolean => true

/** Relative speeds of a group's ranks, in no particular unit. */
export const relativeSpeeds = (group: readonly Candidate[]): number[] =>
  group.map(({ blockMicros }) => 1 / blockMicros)

/** Time of one block over a group whose ranks take shares in proportion to their speeds; without its sums. */
export function togetherMicros(group: readonly Candidate[]): number {
  return 1 / group.reduce((speed, { blockMicros }) => speed + 1 / blockMicros, 0)
}

/** Every way to put some of the candidates into groups. Candidates come fastest first, so the fastest of a group leads it. */
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
  snapshot: PlannerSnapshot,
  groups: readonly (readonly Candidate[])[],
  { canSplit = always, mayGroup = always, shares = () => null }: GroupOptions,
): GroupedPipeline | null {
  const { costs } = snapshot
  const byMemory = costs.activeExperts !== undefined
  if (
    groups.some(
      (group) =>
        group.length > 1 &&
        (!mayGroup(group.map(({ member }) => member)) || !canSplit(relativeSpeeds(group))),
    )
  )
    return null
  const stages = groups.map((group) => {
    const members = group.map(({ member }) => member)
    const sums = blockSumMicros(members, costs)
    // Before a call, its rows travel to every other rank.
    const call = Math.max(
      0,
      ...members.slice(1).map((member) => hopMicros(members[0] ?? member, member, costs.rowBytes)),
    )
    return {
      group,
      sums,
      call,
      // Ranks that share experts compute all else, and the experts of a row may all be those of one rank.
      blockMicros:
        (byMemory ? Math.max(...group.map(({ blockMicros }) => blockMicros)) : togetherMicros(group)) + sums,
      capacity: byMemory ? expertCapacity(snapshot, group, shares) : capacityOf(snapshot, group),
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

/** How many blocks a group holds: each of its ranks has room for its share of that many. */
function capacityOf(snapshot: PlannerSnapshot, group: readonly Candidate[]): number {
  const { costs } = snapshot
  const contextTokens = contextTokensOf(snapshot)
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

/** As {@link capacityOf}, where the ranks share experts and all keep the whole cache. */
function expertCapacity(snapshot: PlannerSnapshot, group: readonly Candidate[], shares: SharesOf): number {
  const { costs } = snapshot
  const contextTokens = contextTokensOf(snapshot)
  const speeds = rankSpeeds(
    snapshot,
    group.map(({ member }) => member),
  )
  const permille = group.length === 1 ? [1000] : (shares(speeds) ?? [])
  return Math.min(
    ...group.map(({ member }, rank) =>
      Math.floor(
        (usableBytes(member.hardware.memoryBytes) - spanBytes(0, costs, contextTokens)) /
          blockShareBytes(permille[rank] ?? 1000, costs, contextTokens),
      ),
    ),
  )
}

/** Gives each stage one block, and the rest to the stages where a block is cheapest. @returns null when they do not fit */
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

/** The shortest ring by trying all orders; with the first stage fixed, six stages have 120 of them. */
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
