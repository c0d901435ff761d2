import { createCoordinatorLinks, type CoordinatorDependencies } from './stage-links.ts'
import { sessionTimes, type SessionTimes } from '../route/limits.ts'
import { startRouteSession } from './route-session.ts'
import type { RouteSessionOptions } from './route-session-options.ts'
import type { HiddenSession } from '../route/types.ts'

/** Opens sessions over routes; they share one channel to each stage. */
export interface Coordinator {
  /**
   * @throws {StageError} a stage's refusal, or that it cannot be reached
   * @throws {ShoalError} `no-route`, `cancelled`
   */
  open(options: RouteSessionOptions): Promise<HiddenSession>
  /** Closes its channels; sessions still open end with `peer-vanished`. */
  close(): Promise<void>
}

export function createCoordinator(
  dependencies: CoordinatorDependencies,
  options: { readonly times?: Partial<SessionTimes> } = {},
): Coordinator {
  const times: SessionTimes = { ...sessionTimes, ...options.times }
  const links = createCoordinatorLinks(dependencies, times)
  return {
    open: (sessionOptions) => startRouteSession({ ...dependencies, links, times, options: sessionOptions }),
    close: () => links.close(),
  }
}

/** One session with channels of its own, closed with it. Whoever opens many uses {@link createCoordinator}. */
export async function openRouteSession(
  dependencies: CoordinatorDependencies,
  options: RouteSessionOptions,
): Promise<HiddenSession> {
  const coordinator = createCoordinator(dependencies)
  try {
    const session = await coordinator.open(options)
    return {
      ...session,
      get length() {
        return session.length
      },
      get failovers() {
        return session.failovers
      },
      get moves() {
        return session.moves
      },
      get continuity() {
        return session.continuity
      },
      async close() {
        await session.close()
        await coordinator.close()
      },
    }
  } catch (error) {
    await coordinator.close()
    throw error
  }
}
