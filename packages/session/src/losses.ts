import { messageOf, ShoalError, type ErrorCode } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import { orAborted } from './cancel.ts'
import { lostRanges, repairedRoute } from './failover-rules.ts'
import { sessionLimits } from './limits.ts'
import { checkRoute } from './route-rules.ts'
import { nameStage, StageError } from './stage-error.ts'
import type { Route, RouteFinder } from './types.ts'

/**
 * The peer is gone, or has no session any more: another one can take its blocks. Anything else it said about the
 * request itself, and three more peers would say the same.
 */
const movableCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['peer-vanished', 'deadline-passed', 'not-ready', 'unknown-session'])

export function movable(error: StageError): boolean {
  return movableCodes.has(error.code)
}

/** Gone altogether, and not only without room for this. */
export function vanished(error: StageError): boolean {
  return error.code === 'peer-vanished' || error.code === 'deadline-passed'
}

/** Which peers a session has lost, and how it goes on without them. */
export interface Losses {
  add(error: StageError): void
  /** It has no room for more, which says nothing about what it has. */
  avoid(error: StageError): void
  /** A step was answered: the route works. */
  progress(): void
  /** @throws {StageError} the last loss, when there were too many in a row */
  countAttempt(): void
  /**
   * The route without the lost peers. Each lost range is found anew, in one span or several.
   * @throws {ShoalError} when nobody has the blocks
   */
  replan(finder: RouteFinder, route: Route, range: BlockRange, signal: AbortSignal): Promise<Route>
  /** What ends the session: the loss that could not be repaired, and why. */
  final(reason: unknown): ShoalError
}

export function createLosses(): Losses {
  /** Not asked again for the rest of the session: it cannot be known what they still have of it. */
  const lost = new Set<string>()
  const full = new Set<string>()
  let attempts = 0
  let last: StageError | null = null

  return {
    add(error) {
      lost.add(error.peer)
      last = error
    },
    avoid(error) {
      full.add(error.peer)
      last ??= error
    },
    progress() {
      attempts = 0
      full.clear()
    },
    countAttempt() {
      attempts += 1
      if (attempts > sessionLimits.maxRepairs) throw new ShoalError('no-route', `the route was lost ${attempts} times in a row`)
    },
    async replan(finder, route, range, signal) {
      const found = new Map<number, Route>()
      // More may be lost while we ask: that ends this attempt, and the next one knows.
      const gone = new Set(lost)
      for (const gap of lostRanges(route, gone)) {
        const stages = await orAborted(finder.find(gap, new Set([...gone, ...full])), signal)
        checkRoute(stages, gap)
        found.set(gap.start, stages)
      }
      const planned = repairedRoute(route, gone, found)
      checkRoute(planned, range)
      return planned
    },
    final(reason) {
      if (last === null) return reason instanceof ShoalError ? reason : new ShoalError('internal', messageOf(reason), { cause: reason })
      const what = last.message.slice(nameStage(last).length + 2)
      return new StageError(last, last.code, `${what}; it cannot be replaced: ${messageOf(reason)}`, { definite: last.definite, cause: reason })
    },
  }
}
