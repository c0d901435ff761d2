import type { Snapshot } from '@shoal/membership'
import { sha256Hex } from '@shoal/model'
import { sharedMicros } from './allocate.ts'
import { candidateAt, createCluster, type Cluster } from './cluster.ts'
import { defaultContextTokens, type ModelCosts } from './costs.ts'
import { countHolders, fillGaps, heldSpans, type Spans } from './coverage.ts'
import { exactCandidatesMax, planExactly } from './exact.ts'
import { type Pipeline } from './pipeline.ts'
import { predict, type Placement, type Prediction } from './predict.ts'
import { growSpans, replicate, spreadCopies } from './replicate.ts'
import { findRoute, uncoveredBlocks } from './route.ts'
import { planBySearch } from './search.ts'
import type { BlockRange } from '@shoal/model'

/** Users that share a pipeline at once: what an objective means in the cost `max(TPOT, users · period)`. */
export const usersOf = { latency: 1, balanced: 4, throughput: 64 } as const
export type Objective = keyof typeof usersOf

export interface PlanOptions {
  readonly objective: Objective
  /** Positions each node has room for. Default: 4,096, or the model's context where that is shorter. */
  readonly contextTokens?: number
  readonly promptTokens?: number
}

export interface Plan {
  readonly objective: Objective
  /** What each node is to hold, replicas included; sorted by start, then peer id. */
  readonly placements: readonly Placement[]
  /** The way one generation would take; empty while blocks are uncovered. */
  readonly route: readonly Placement[]
  /** Blocks that no node can hold yet. */
  readonly uncovered: readonly BlockRange[]
  readonly prediction: Prediction | null
  /** Whether spans held now were kept although another cut would be faster. */
  readonly kept: boolean
}

/** A plan that is better by less than this is not worth a move: Petals' threshold. */
const keepPermille = 1250

/**
 * Who is to hold what: a pure function of the snapshot. Every peer with the same snapshot computes the same plan, so
 * nobody has to be asked or elected.
 */
export function plan(snapshot: Snapshot, costs: ModelCosts, options: PlanOptions): Plan {
  const contextTokens = options.contextTokens ?? Math.min(defaultContextTokens, costs.contextLength)
  const cluster = createCluster(snapshot, costs, contextTokens)
  const users = usersOf[options.objective]
  const held = heldSpans(cluster)
  const ideal = bestPipeline(cluster, users)
  const idealSpans = ideal === undefined ? undefined : placeRing(cluster, ideal, held)
  const keptSpans = fillGaps(cluster, held)
  const keep = idealSpans === undefined || (breaksHeld(idealSpans, held) && isGoodEnough(snapshot, cluster, keptSpans, idealSpans, users))
  const base = keep ? keptSpans : users === 1 ? widened(idealSpans, held) : idealSpans
  const spans = spreadCopies(cluster, replicate(cluster, base, held))
  const route = routeOver(snapshot, cluster, base)
  return {
    objective: options.objective,
    placements: toPlacements(cluster, users === 1 && route.length > 0 ? growSpans(cluster, spans) : spans),
    route,
    uncovered: uncoveredBlocks([...spans.values()].map((span) => ({ span })), { start: 0, end: costs.blockCount }),
    prediction: route.length === 0 ? null : predict(snapshot, costs, route, options.promptTokens),
    kept: keep && idealSpans !== undefined,
  }
}

/** Lower-case hex; equal on all peers that plan alike. */
export function planHash({ objective, placements }: Plan): string {
  return sha256Hex(new TextEncoder().encode(JSON.stringify([objective, placements.map(({ peer, start, end }) => [peer, start, end])])))
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
    return now === undefined ? sum : sum + Math.max(0, Math.min(span.end, now.end) - Math.max(span.start, now.start))
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

function isGoodEnough(snapshot: Snapshot, cluster: Cluster, kept: Spans, ideal: Spans, users: number): boolean {
  if (countHolders(kept, cluster.costs.blockCount).includes(0)) return false
  const [now, best] = [kept, ideal].map((spans) => {
    const { tpotMicros, periodMicros } = predict(snapshot, cluster.costs, routeOver(snapshot, cluster, spans))
    return sharedMicros({ tokenMicros: tpotMicros, periodMicros }, users)
  })
  return (now ?? 0) * 1000 <= (best ?? 0) * keepPermille
}

/** The route that a generation would take if the spans were held already. */
function routeOver(snapshot: Snapshot, cluster: Cluster, spans: Spans): readonly Placement[] {
  const members = [...spans].map(([index, span]) => ({ ...candidateAt(cluster, index).member, state: 'serving' as const, span }))
  members.sort((a, b) => (a.peerId < b.peerId ? -1 : 1))
  const result = findRoute({ ...snapshot, members }, cluster.costs, { range: { start: 0, end: cluster.costs.blockCount }, tokenBudget: 0 })
  return result.found ? result.stages.map(({ peer, range }) => ({ peer, start: range.start, end: range.end })) : []
}

function toPlacements(cluster: Cluster, spans: Spans): readonly Placement[] {
  return [...spans]
    .map(([index, { start, end }]) => ({ peer: candidateAt(cluster, index).member.peerId, start, end }))
    .sort((a, b) => a.start - b.start || (a.peer < b.peer ? -1 : 1))
}
