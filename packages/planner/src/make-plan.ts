import type { BlockRange } from '@shoal/model'
import { predict, type Placement, type Prediction } from './costs/predict.ts'
import { groupedSnapshot, withRanks } from './groups/group-snapshot.ts'
import { noGroups, type GroupOf, type Grouping, type NamedGroup } from './groups/grouping.ts'
import { findRoute, uncoveredBlocks } from './route/route.ts'
import { sharedMicros } from './search/allocate.ts'
import { candidateAt, createCluster, type Cluster } from './search/cluster.ts'
import { exactCandidatesMax, planExactly } from './search/exact.ts'
import type { Pipeline } from './search/pipeline.ts'
import { planBySearch } from './search/search.ts'
import type { PlannerSnapshot } from './snapshot.ts'
import { countHolders, fillGaps, heldSpans, type Spans } from './spans/coverage.ts'
import { breaksHeld, placeRing, widened } from './spans/place-ring.ts'
import { growSpans, replicate, spreadCopies } from './spans/replicate.ts'

export interface MakeOptions {
  readonly users: number
  readonly promptTokens: number | undefined
}

export interface MadePlan {
  readonly placements: readonly Placement[]
  readonly route: readonly Placement[]
  readonly uncovered: readonly BlockRange[]
  readonly prediction: Prediction | null
  readonly kept: boolean
  /** Cost per token of the best pipeline, whatever is held now; null when no pipeline covers the model. */
  readonly bestMicros: number | null
}

/**
 * A plan that is better by less than this factor (in thousandths) is not worth moving a node: the threshold of Petals
 * (Borzunov et al., 2023).
 */
const keepPermille = 1250

/**
 * Makes the plan for one grouping, which may be empty.
 * @param apart every member as a node by itself, with the hardware that it has without its group
 */
export function makePlan(
  apart: PlannerSnapshot,
  { users, promptTokens }: MakeOptions,
  grouping: Grouping = noGroups,
): MadePlan {
  const { groups } = grouping
  const cluster = createCluster(groups.length === 0 ? apart : groupedSnapshot(apart, grouping), users)
  const held = heldSpans(cluster)
  const ideal = bestPipeline(cluster)
  const idealSpans = ideal === undefined ? undefined : placeRing(ideal, held)
  const keptSpans = fillGaps(cluster, held)
  const keep =
    idealSpans === undefined || (breaksHeld(idealSpans, held) && isGoodEnough(cluster, keptSpans, idealSpans))
  const base = keep ? keptSpans : users === 1 ? widened(idealSpans, held) : idealSpans
  const route = routeOver(cluster, base)
  const growing = users === 1 && route.length > 0
  const placements =
    groups.length === 0
      ? withCopies(cluster, base, growing)
      : withGroupCopies(cluster, base, growing, { apart, grouping })
  return {
    placements,
    route: route.map((stage) => named(stage, groups)),
    uncovered: uncoveredBlocks(
      placements.map((span) => ({ span })),
      { start: 0, end: cluster.costs.blockCount },
    ),
    prediction: route.length === 0 ? null : predict(cluster.snapshot, route, { promptTokens }),
    kept: keep && idealSpans !== undefined,
    bestMicros: ideal === undefined ? null : sharedMicros(ideal, users),
  }
}

function bestPipeline(cluster: Cluster): Pipeline | undefined {
  const all = cluster.candidates.map((_, index) => index)
  return all.length <= exactCandidatesMax ? planExactly(cluster, all) : planBySearch(cluster)
}

/** Whether the spans that are held now come so close to the ideal ones that no node needs to move. */
function isGoodEnough(cluster: Cluster, kept: Spans, ideal: Spans): boolean {
  if (countHolders(kept, cluster.costs.blockCount).includes(0)) return false
  const [now, best] = [kept, ideal].map((spans) => {
    const { tpotMicros, periodMicros } = predict(cluster.snapshot, routeOver(cluster, spans))
    return sharedMicros({ tokenMicros: tpotMicros, periodMicros }, cluster.users)
  })
  return (now ?? 0) * 1000 <= (best ?? 0) * keepPermille
}

/** The route that a generation would take if the spans were held already. */
function routeOver(cluster: Cluster, spans: Spans): readonly Placement[] {
  const members = [...spans].map(([index, span]) => ({
    ...candidateAt(cluster, index).member,
    state: 'serving' as const,
    span,
  }))
  members.sort((a, b) => (a.peerId < b.peerId ? -1 : 1))
  const result = findRoute(
    { ...cluster.snapshot, members },
    { range: { start: 0, end: cluster.costs.blockCount }, tokenBudget: 0 },
  )
  return result.found
    ? result.stages.map(({ peer, range }) => ({ peer, start: range.start, end: range.end }))
    : []
}

/** Fills the memory that the pipeline leaves with copies of its blocks. */
function withCopies(
  cluster: Cluster,
  base: Spans,
  growing: boolean,
  mayChange?: (index: number) => boolean,
): readonly Placement[] {
  const spans = spreadCopies(cluster, replicate(cluster, base, heldSpans(cluster)), mayChange)
  return toPlacements(cluster, growing ? growSpans(cluster, spans, mayChange) : spans)
}

/** {@link withCopies} for a plan with groups: the members of groups hold copies in the memory that their shares leave. */
function withGroupCopies(
  cluster: Cluster,
  base: Spans,
  growing: boolean,
  { apart, grouping }: { readonly apart: PlannerSnapshot; readonly grouping: Grouping },
): readonly Placement[] {
  const leaders = new Set(grouping.groups.map(({ leader }) => leader))
  const blocks = new Map(
    [...base].map(([index, { start, end }]) => [candidateAt(cluster, index).member.peerId, end - start]),
  )
  const all = createCluster(withRanks(cluster.snapshot, apart, grouping, blocks), cluster.users)
  const indexOf = new Map(all.candidates.map(({ member }, index) => [member.peerId, index]))
  const moved: Spans = new Map(
    [...base].map(([index, span]) => [indexOf.get(candidateAt(cluster, index).member.peerId) ?? -1, span]),
  )
  // The span of a group stays as it is: with another one, the group would have to be formed anew.
  const mayChange = (index: number): boolean => !leaders.has(candidateAt(all, index).member.peerId)
  return withCopies(all, moved, growing, mayChange).map((placement) => named(placement, grouping.groups))
}

function named({ peer, start, end }: Placement, groups: readonly NamedGroup[]): Placement {
  const found = groups.find(({ leader }) => leader === peer)
  const group: GroupOf | undefined = found && { ranks: found.ranks, speeds: found.speeds }
  return group === undefined ? { peer, start, end } : { peer, start, end, group }
}

function toPlacements(cluster: Cluster, spans: Spans): readonly Placement[] {
  return [...spans]
    .map(([index, { start, end }]) => ({ peer: candidateAt(cluster, index).member.peerId, start, end }))
    .sort((a, b) => a.start - b.start || (a.peer < b.peer ? -1 : 1))
}
