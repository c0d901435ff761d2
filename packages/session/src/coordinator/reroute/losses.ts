import { messageOf, ShoalError, type ErrorCode, orAborted } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import { lostRanges, repairedRoute } from '../../route/replay-rules.ts'
import { sessionLimits } from '../../route/limits.ts'
import { checkRoute } from '../../route/route-rules.ts'
import { nameStage, StageError } from '../../route/stage-error.ts'
import type { Route, RouteFinder, RouteStage } from '../../route/types.ts'

/**
 * The peer is gone, has no session any more, or sends what cannot be read: another one can take its blocks. Anything
 * else it said about the request itself, and three more peers would say the same.
 */
const movableCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'peer-vanished',
  'deadline-passed',
  'not-ready',
  'unknown-session',
  'bad-frame',
])

/** Gone altogether, and not only without room for this. */
function vanished(error: StageError): boolean {
  return error.code === 'peer-vanished' || error.code === 'deadline-passed'
}

/** Nobody has the blocks now; somebody may soon. */
export function nobodyNow(error: unknown): boolean {
  return error instanceof ShoalError && error.code === 'no-route'
}

/** A repaired route that nobody has been asked about yet. */
export interface Replanned {
  readonly route: Route
  /** Peers on it that were lost before, and that nobody can stand in for. */
  readonly again: ReadonlySet<string>
}

export interface ReplanRequest {
  readonly finder: RouteFinder
  readonly route: Route
  readonly range: BlockRange
  readonly classes: ReadonlyMap<number, string>
  /** Those of these stages that do not answer now. */
  readonly findSilent: (stages: Route) => Promise<Route>
}

/** Which peers a session has lost, and how it goes on without them. */
export interface Losses {
  /** Peers, with the incarnation that was lost. */
  readonly lost: ReadonlyMap<string, number>
  /** Whether another peer could do better. Counts those whose rows are refused: a third in a row for the same block says the model is at fault. */
  movable(error: StageError): boolean
  add(error: StageError): void
  /**
   * It did not open. A survivor (one of `open`) that cannot go on is lost; one that has no room for more blocks may
   * still have its own, and is only not asked for more.
   */
  refuse(error: StageError, open: readonly { readonly stage: RouteStage }[]): void
  /** Time has passed: those without room may have it now. */
  forgive(): void
  /** A route is in use: whoever is on it is not lost. */
  settle(route: Route): void
  /** A step was answered: the route works. */
  progress(): void
  /** @throws {ShoalError} when there were too many in a row for a route of so many stages */
  countAttempt(stages: number): void
  /**
   * The route without the lost peers. Each lost range is found anew, in one span or several. A peer that was lost comes
   * back in when it has begun another life, or when nobody else has its blocks and it answers.
   * @throws {ShoalError} `no-route` when nobody has the blocks
   */
  replan(request: ReplanRequest, signal: AbortSignal): Promise<Replanned>
  /** What ends the session: the loss that could not be repaired, and why. */
  final(reason: unknown): ShoalError
}

export function createLosses(): Losses {
  /** With the incarnation that was lost: it cannot be known what that one still has of the session. */
  const lost = new Map<string, number>()
  const full = new Set<string>()
  let attempts = 0
  /** By block. */
  const spoilt = new Map<number, number>()
  let last: StageError | null = null

  const add = (error: StageError): void => {
    lost.set(error.peer, Math.max(lost.get(error.peer) ?? 0, error.incarnation ?? Number.MAX_SAFE_INTEGER))
    last = error
  }

  return {
    lost,
    movable(error) {
      const { start, end } = error.range
      let most = 0
      for (let block = start; error.code === 'bad-frame' && block < end; block += 1) {
        const times = (spoilt.get(block) ?? 0) + 1
        spoilt.set(block, times)
        most = Math.max(most, times)
      }
      return movableCodes.has(error.code) && most <= sessionLimits.maxSpoilt
    },
    add,
    refuse(error, open) {
      if (
        vanished(error) ||
        open.some(({ stage }) => stage.peer === error.peer && stage.range.start === error.range.start)
      ) {
        add(error)
        return
      }
      full.add(error.peer)
      last ??= error
    },
    forgive: () => full.clear(),
    settle(route) {
      for (const { peer } of route) lost.delete(peer)
    },
    progress() {
      attempts = 0
      spoilt.clear()
      full.clear()
    },
    countAttempt(stages) {
      attempts += 1
      if (attempts > stages * sessionLimits.maxRepairsPerStage)
        throw new ShoalError('peer-vanished', `the route was lost ${attempts} times in a row`)
    },
    async replan({ finder, route, range, classes, findSilent }, signal) {
      const found = new Map<number, Route>()
      const again = new Set<string>()
      // More may be lost while we ask: that ends this attempt, and the next one knows.
      const gone = new Map(lost)
      const find = async (gap: BlockRange): Promise<Route> => {
        try {
          return await orAborted(finder.find(gap, full, { lost: gone, classes }), signal)
        } catch (error) {
          if (!nobodyNow(error) || gone.size === 0) throw error
          const stages = await orAborted(finder.find(gap, full, { lost: new Map(), classes }), signal)
          const before = stages.filter(({ peer }) => gone.has(peer))
          // A link may have broken and not the peer; one that is dead would only cost a time-out.
          if ((await findSilent(before)).length > 0) throw error
          for (const { peer } of before) again.add(peer)
          // The same stage as before keeps what it has, also when this attempt fails.
          return stages.map((stage) => route.find((known) => sameStage(known, stage)) ?? stage)
        }
      }
      const lostPeers = new Set(gone.keys())
      for (const gap of lostRanges(route, lostPeers)) {
        const stages = await find(gap)
        checkRoute(stages, gap)
        found.set(gap.start, stages)
      }
      const planned = repairedRoute(route, lostPeers, found)
      checkRoute(planned, range)
      return { route: planned, again }
    },
    final(reason) {
      if (last === null)
        return reason instanceof ShoalError
          ? reason
          : new ShoalError('internal', messageOf(reason), { cause: reason })
      const what = last.message.slice(nameStage(last).length + 2)
      const code = nobodyNow(reason) ? 'no-route' : last.code
      return new StageError(last, code, `${what}; it cannot be replaced: ${messageOf(reason)}`, {
        definite: last.definite,
        cause: reason,
      })
    },
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
