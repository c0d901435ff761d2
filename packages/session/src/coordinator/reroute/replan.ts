import { orAborted } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import { lostRanges, repairedRoute } from '../../route/replay-rules.ts'
import { checkRoute } from '../../route/route-rules.ts'
import type { Route, RouteFinder, RouteStage } from '../../route/types.ts'
import { nobodyNow, type Losses } from './losses.ts'

/** A repaired route whose new stages have not been asked yet. */
export interface Replanned {
  readonly route: Route
  /** Peers on it that were lost before, and that nobody can stand in for. */
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
 * The route without the lost peers. Each lost range is found anew, in one span or several. A peer that was lost comes
 * back in when it has begun another life, or when nobody else has its blocks and it answers a ping.
 * @throws {ShoalError} `no-route` when nobody has the blocks; the signal's reason
 */
export async function replan(
  losses: Pick<Losses, 'lost' | 'full'>,
  request: ReplanRequest,
  signal: AbortSignal,
): Promise<Replanned> {
  const { route, range } = request
  const found = new Map<number, Route>()
  const again = new Set<string>()
  // More may be lost while we ask. That loss ends this attempt, and the next one knows of it.
  const gone = new Map(losses.lost)
  const lostPeers = new Set(gone.keys())
  for (const gap of lostRanges(route, lostPeers)) {
    const { stages, lostBefore } = await findStages(gap, gone, losses.full, request, signal)
    checkRoute(stages, gap)
    for (const { peer } of lostBefore) again.add(peer)
    found.set(gap.start, stages)
  }
  const planned = repairedRoute(route, lostPeers, found)
  checkRoute(planned, range)
  return { route: planned, again }
}

async function findStages(
  gap: BlockRange,
  gone: ReadonlyMap<string, number>,
  full: ReadonlySet<string>,
  { finder, route, classes, findSilent }: ReplanRequest,
  signal: AbortSignal,
): Promise<{ readonly stages: Route; readonly lostBefore: Route }> {
  try {
    const stages = await orAborted(finder.find(gap, full, { lost: gone, classes }), signal)
    return { stages, lostBefore: [] }
  } catch (error) {
    if (!nobodyNow(error) || gone.size === 0) throw error
    const stages = await orAborted(finder.find(gap, full, { lost: new Map(), classes }), signal)
    // The link may have broken and not the peer. One that is dead would only cost a time-out.
    const lostBefore = stages.filter(({ peer }) => gone.has(peer))
    if ((await findSilent(lostBefore)).length > 0) throw error
    // The same stage as before keeps what it has, also when this attempt fails.
    const known = stages.map((stage) => route.find((former) => sameStage(former, stage)) ?? stage)
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
