import { orAborted } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import { lostRanges, repairedRoute } from '../../route/replay-rules.ts'
import { checkRoute } from '../../route/route-rules.ts'
import type { Route, RouteFinder, RouteStage } from '../../route/types.ts'
import { nobodyNow, type Losses } from './losses.ts'

/** A repaired route whose new stages have not been asked yet. */
export interface Replanned {
  readonly route: Route
  /** Peers on the route that were lost before, and are used again because no other peer holds their blocks. */
  readonly again: ReadonlySet<string>
}

export interface ReplanRequest {
  readonly finder: RouteFinder
  readonly route: Route
  readonly range: BlockRange
  /** For each block, the numeric class that computed it last. */
  readonly classes: ReadonlyMap<number, string>
  /** Resolves to those of these stages that answer no ping. */
  readonly findSilent: (stages: Route) => Promise<Route>
}

/**
 * Finds a route without the lost peers and without the stages that were given up: one or several stages for each lost
 * range. A lost peer may be on it again in a new incarnation, or when no other peer holds its blocks and the lost one
 * answers a ping.
 * @throws {ShoalError} `no-route` when nobody has the blocks; the signal's reason
 */
export async function replan(
  losses: Pick<Losses, 'lost' | 'full' | 'givenUp'>,
  request: ReplanRequest,
  signal: AbortSignal,
): Promise<Replanned> {
  const { route, range } = request
  const found = new Map<number, Route>()
  const again = new Set<string>()
  // A copy: a further loss while the finder is asked ends this attempt, and the next attempt takes it into account.
  const gone = new Map(losses.lost)
  const givenUp = new Set(losses.givenUp)
  const isLost = (stage: RouteStage): boolean => gone.has(stage.peer) || givenUp.has(stage)
  const kept = route.filter((stage) => !givenUp.has(stage))
  for (const gap of lostRanges(route, isLost)) {
    const { stages, lostBefore } = await findStages(gap, gone, losses.full, kept, request, signal)
    checkRoute(stages, gap)
    for (const { peer } of lostBefore) again.add(peer)
    found.set(gap.start, stages)
  }
  const planned = repairedRoute(route, isLost, found)
  checkRoute(planned, range)
  return { route: planned, again }
}

async function findStages(
  gap: BlockRange,
  gone: ReadonlyMap<string, number>,
  full: ReadonlySet<string>,
  kept: Route,
  { finder, classes, findSilent }: ReplanRequest,
  signal: AbortSignal,
): Promise<{ readonly stages: Route; readonly lostBefore: Route }> {
  try {
    const stages = await orAborted(finder.find(gap, full, { lost: gone, classes }), signal)
    return { stages, lostBefore: [] }
  } catch (error) {
    if (!nobodyNow(error) || gone.size === 0) throw error
    const stages = await orAborted(finder.find(gap, full, { lost: new Map(), classes }), signal)
    // Perhaps only the link to a lost peer broke. It is pinged first: an `open` to a dead peer would cost a time-out.
    const lostBefore = stages.filter(({ peer }) => gone.has(peer))
    if ((await findSilent(lostBefore)).length > 0) throw error
    // The former object stands for an unchanged stage, so that it is opened as a survivor: it keeps its caches when
    // this attempt fails.
    const known = stages.map((stage) => kept.find((former) => sameStage(former, stage)) ?? stage)
    return { stages: known, lostBefore }
  }
}

function sameStage(one: RouteStage, other: RouteStage): boolean {
  return (
    one.peer === other.peer &&
    one.incarnation === other.incarnation &&
    one.range.start === other.range.start &&
    one.range.end === other.range.end
  )
}
