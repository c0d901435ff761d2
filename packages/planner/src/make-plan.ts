import type { Snapshot } from '@shoal/membership'
import type { BlockRange } from '@shoal/model'
import { sharedMicros } from './allocate.ts'
import { candidateAt, createCluster, type Cluster } from './cluster.ts'
import type { ModelCosts } from './costs.ts'
import { countHolders, fillGaps, heldSpans, type Spans } from './coverage.ts'
import { exactCandidatesMax, planExactly } from './exact.ts'
import { groupedSnapshot, withRanks, type GroupOf, type NamedGroup, type SharesOf } from './group-nodes.ts'
import type { Pipeline } from './pipeline.ts'
import { predict, type Placement, type Prediction } from './predict.ts'
import { growSpans, replicate, spreadCopies } from './replicate.ts'
import { findRoute, uncoveredBlocks } from './route.ts'
import { planBySearch } from './search.ts'

/** Some of the peers as groups, each as one node at its leader's place. */
export interface Grouping {
  readonly groups: readonly NamedGroup[]
  readonly shares: SharesOf
  /** Spans of those that serve now, by leader. */
  readonly served: ReadonlyMap<string, BlockRange>
}

export interface MakeOptions {
  readonly users: number
  readonly contextTokens: number
  readonly promptTokens: number | undefined
}

export interface MadePlan {
  readonly placements: readonly Placement[]
  readonly route: readonly Placement[]
  readonly uncovered: readonly BlockRange[]
  readonly prediction: Prediction | null
  readonly kept: boolean
  /** Of the best pipeline, whatever is held now; null when there is none. */
  readonly bestMicros: number | null
}

const nobody: Grouping = { groups: [], shares: () => null, served: new Map() }

/** A plan that is better by less than this is not worth a move: Petals' threshold. */
const keepPermille = 1250

/** @param apart every member as it is by itself */
export function makePlan(
  apart: Snapshot,
  costs: ModelCosts,
  { users, contextTokens, promptTokens }: MakeOptions,
  { groups, shares, served }: Grouping = nobody,
): MadePlan {
  const snapshot =
    groups.length === 0 ? apart : groupedSnapshot(apart, groups, shares, costs, contextTokens, served)
  const cluster = createCluster(snapshot, costs, contextTokens)
  const held = heldSpans(cluster)
  const ideal = bestPipeline(cluster, users)
  const idealSpans = ideal === undefined ? undefined : placeRing(cluster, ideal, held)
  const keptSpans = fillGaps(cluster, held)
  const keep =
    idealSpans === undefined ||
    (breaksHeld(idealSpans, held) && isGoodEnough(snapshot, cluster, keptSpans, idealSpans, users))
  const base = keep ? keptSpans : users === 1 ? widened(idealSpans, held) : idealSpans
  const route = routeOver(snapshot, cluster, base)
  const placements =
    groups.length === 0 ? withCopies(cluster, base, users, route) : withGroupCopies(cluster, base)
  return {
    placements,
    route: route.map((stage) => named(stage, groups)),
    uncovered: uncoveredBlocks(
      placements.map((span) => ({ span })),
      { start: 0, end: costs.blockCount },
    ),
    prediction: route.length === 0 ? null : predict(snapshot, costs, route, promptTokens),
    kept: keep && idealSpans !== undefined,
    bestMicros: ideal === undefined ? null : sharedMicros(ideal, users),
  }

  function withGroupCopies(grouped: Cluster, spans: Spans): readonly Placement[] {
    const leaders = new Set(groups.map(({ leader }) => leader))
    const blocks = new Map(
      [...spans].map(([index, { start, end }]) => [candidateAt(grouped, index).member.peerId, end - start]),
    )
    const all = createCluster(
      withRanks(snapshot, apart, groups, shares, costs, contextTokens, blocks),
      costs,
      contextTokens,
    )
    const at = new Map(all.candidates.map(({ member }, index) => [member.peerId, index]))
    const moved: Spans = new Map(
      [...spans].map(([index, span]) => [at.get(candidateAt(grouped, index).member.peerId) ?? -1, span]),
    )
    // A group that grew would have to be formed anew.
    return withCopies(
      all,
      moved,
      users,
      route,
      (index) => !leaders.has(candidateAt(all, index).member.peerId),
    ).map((placement) => named(placement, groups))
  }
}

/** What is left of the memory takes copies. */
function withCopies(
  cluster: Cluster,
  base: Spans,
  users: number,
  route: readonly Placement[],
  mayGrow?: (index: number) => boolean,
): readonly Placement[] {
  const spans = spreadCopies(cluster, replicate(cluster, base, heldSpans(cluster)), mayGrow)
  return toPlacements(cluster, users === 1 && route.length > 0 ? growSpans(cluster, spans, mayGrow) : spans)
}

function named({ peer, start, end }: Placement, groups: readonly NamedGroup[]): Placement {
  const found = groups.find(({ leader }) => leader === peer)
  const group: GroupOf | undefined = found && { ranks: found.ranks, speeds: found.speeds }
  return group === undefined ? { peer, start, end } : { peer, start, end, group }
}

function bestPipeline(cluster: Cluster, users: number): Pipeline | undefined {
  const all = cluster.candidates.map((_, index) => index)
  return all.length <= exactCandidatesMax ? planExactly(cluster, all, users) : planBySearch(cluster, users)
}

/** A ring may begin anywhere and run both ways at the same cost: the way that keeps most of what is held. */
function placeRing(cluster: Cluster, ring: Pipeline, held: Spans): Spans {
  let best: Spans = new Map()
  let mostKept = -1
  const count = ring.order.length
  for (const step of [1, -1]) {
    for (let first = 0; first < count; first += 1) {
      const at = Array.from({ length: count }, (_, index) => (first + step * index + count * 2) % count)
      const spans = new Map<number, { start: number; end: number }>()
      let start = 0
      for (const index of at) {
        const end = start + (ring.blocks[index] ?? 0)
        spans.set(ring.order[index] ?? -1, { start, end })
        start = end
      }
      const kept = keptBlocks(spans, held)
      if (kept > mostKept) [best, mostKept] = [spans, kept]
    }
  }
  return best
}

function keptBlocks(spans: Spans, held: Spans): number {
  return [...spans].reduce((sum, [index, span]) => {
    const now = held.get(index)
    return now === undefined
      ? sum
      : sum + Math.max(0, Math.min(span.end, now.end) - Math.max(span.start, now.start))
  }, 0)
}

/** Whether somebody would have to load blocks although it holds some. */
function breaksHeld(spans: Spans, held: Spans): boolean {
  return [...spans].some(([index, span]) => {
    const now = held.get(index)
    return now !== undefined && (span.start < now.start || span.end > now.end)
  })
}

/** Who holds more than it needs to goes on holding it: letting go helps nobody, and a copy may. */
function widened(spans: Spans, held: Spans): Spans {
  return new Map(
    [...spans].map(([index, span]) => {
      const now = held.get(index)
      return [index, now !== undefined && now.start <= span.start && now.end >= span.end ? now : span]
    }),
  )
}

function isGoodEnough(
  snapshot: Snapshot,
  cluster: Cluster,
  kept: Spans,
  ideal: Spans,
  users: number,
): boolean {
  if (countHolders(kept, cluster.costs.blockCount).includes(0)) return false
  const [now, best] = [kept, ideal].map((spans) => {
    const { tpotMicros, periodMicros } = predict(snapshot, cluster.costs, routeOver(snapshot, cluster, spans))
    return sharedMicros({ tokenMicros: tpotMicros, periodMicros }, users)
  })
  return (now ?? 0) * 1000 <= (best ?? 0) * keepPermille
}

/** The route that a generation would take if the spans were held already. */
function routeOver(snapshot: Snapshot, cluster: Cluster, spans: Spans): readonly Placement[] {
  const members = [...spans].map(([index, span]) => ({
    ...candidateAt(cluster, index).member,
    state: 'serving' as const,
    span,
  }))
  members.sort((a, b) => (a.peerId < b.peerId ? -1 : 1))
  const result = findRoute({ ...snapshot, members }, cluster.costs, {
    range: { start: 0, end: cluster.costs.blockCount },
    tokenBudget: 0,
  })
  return result.found
    ? result.stages.map(({ peer, range }) => ({ peer, start: range.start, end: range.end }))
    : []
}

function toPlacements(cluster: Cluster, spans: Spans): readonly Placement[] {
  return [...spans]
    .map(([index, { start, end }]) => ({ peer: candidateAt(cluster, index).member.peerId, start, end }))
    .sort((a, b) => a.start - b.start || (a.peer < b.peer ? -1 : 1))
}
