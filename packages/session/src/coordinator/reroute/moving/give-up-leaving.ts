import { orAborted } from '@shoal/host'
import { nameStage } from '../../../route/stage-error.ts'
import type { RouteWish } from '../../../route/types.ts'
import type { ActiveRoute } from '../../active-route.ts'
import type { SessionContext } from '../../session-context.ts'
import { nobodyNow, type Losses } from '../losses.ts'
import type { LeavingStages } from './leaving-stages.ts'

/**
 * Closes the leaving stages of a session that waits for other blocks, if other peers serve theirs. Such a stage cannot be
 * moved while no version of the route is in use, and it holds memory at a peer that may be loading the very blocks for
 * which the session waits: each would wait for the other. The rows of the closed stages are computed again elsewhere.
 */
export async function giveUpLeaving(
  { options: { session, routes }, logger }: SessionContext,
  { route, leaving }: { readonly route: ActiveRoute; readonly leaving: LeavingStages },
  losses: Pick<Losses, 'givenUp'>,
  wish: RouteWish,
  signal: AbortSignal,
): Promise<void> {
  const stages = leaving.list()
  const exclude = new Set(stages.map(({ peer }) => peer))
  for (const stage of stages) {
    if (losses.givenUp.has(stage)) continue
    try {
      await orAborted(routes!.find(stage.range, exclude, wish), signal)
    } catch (error) {
      if (!nobodyNow(error)) throw error
      continue
    }
    losses.givenUp.add(stage)
    route.openStage(stage)?.link.outbox.post({ type: 'close', session, start: stage.range.start })
    logger.info('leaving-stage-given-up', { session, stage: nameStage(stage) })
  }
}
