import { createCoordinatorLinks, type CoordinatorDependencies, type ReceiptListener } from './stage-links.ts'
import { sessionTimes, type SessionTimes } from '../route/limits.ts'
import { othersServeBy } from './opening/others-serve.ts'
import { startRouteSession } from './route-session.ts'
import type { RouteSessionOptions } from './route-session-options.ts'
import type { RouteSession } from '../route/types.ts'

/** Opens sessions over routes. All sessions share one channel to each peer. */
export interface Coordinator {
  /**
   * @throws {StageError} when a stage refuses or cannot be reached
   * @throws {ShoalError} `no-route`, `cancelled`
   */
  open(options: RouteSessionOptions): Promise<RouteSession>
  /** Closes all channels. Sessions that are still open end with `peer-vanished`. */
  close(): Promise<void>
}

export function createCoordinator(
  dependencies: CoordinatorDependencies,
  options: {
    readonly times?: Partial<SessionTimes>
    /** Receives the receipts of sessions that ask for them, unread; the last ones come after the session's end. */
    readonly onReceipt?: ReceiptListener
  } = {},
): Coordinator {
  const times: SessionTimes = { ...sessionTimes, ...options.times }
  const links = createCoordinatorLinks(dependencies, times, options.onReceipt)
  return {
    open: (sessionOptions) =>
      startRouteSession({
        ...dependencies,
        links,
        times,
        options: sessionOptions,
        othersServe: othersServeBy(sessionOptions.routes),
      }),
    close: () => links.close(),
  }
}

/**
 * Opens one session with channels of its own, which close with it. Use {@link createCoordinator} for several sessions.
 */
export async function openRouteSession(
  dependencies: CoordinatorDependencies,
  options: RouteSessionOptions,
): Promise<RouteSession> {
  const coordinator = createCoordinator(dependencies)
  try {
    const session = await coordinator.open(options)
    return {
      ...session,
      get length() {
        return session.length
      },
      get certain() {
        return session.certain
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
