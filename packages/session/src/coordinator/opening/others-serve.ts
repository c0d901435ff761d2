import type { RouteFinder, RouteStage } from '../../route/types.ts'
import { nobodyNow } from '../reroute/losses.ts'

/** Resolves to whether other peers serve the blocks of this stage. */
export type OthersServe = (stage: RouteStage) => Promise<boolean>

/** @param routes absent for a session that cannot be moved */
export function othersServeBy(routes: RouteFinder | undefined): OthersServe {
  return async ({ peer, range }) => {
    if (routes === undefined) return false
    try {
      await routes.find(range, new Set([peer]), { lost: new Map(), classes: new Map() })
      return true
    } catch (error) {
      if (nobodyNow(error)) return false
      throw error
    }
  }
}
