import { messageOf } from '@shoal/host'
import type { StepResult } from '@shoal/protocol'
import { StageError } from '../route/stage-error.ts'
import type { ActiveRoute } from './active-route.ts'
import type { Moves } from './reroute/moving/moves.ts'
import type { Rerouter } from './reroute/rerouter.ts'
import type { Transfers } from './reroute/moving/transfers.ts'
import type { LinkListener } from './stage-links.ts'
import type { PendingSteps } from './steps/pending-steps.ts'

/** Dispatches the messages of a session's stages to the parts of the session that handle them. */
export function createReceiver(parts: {
  readonly route: ActiveRoute
  readonly pending: PendingSteps
  readonly rerouter: Rerouter
  readonly transfers: Transfers
  readonly moves: Moves
}): LinkListener {
  const { route, pending, rerouter, transfers, moves } = parts

  const receiveResult = (peer: string, result: StepResult, payload: Uint8Array): void => {
    const last = route.route.at(-1)
    if (last === undefined || peer !== last.peer || result.epoch !== route.epoch) return
    try {
      pending.answer(result, payload)
    } catch (error) {
      rerouter.repair(new StageError(last, 'bad-frame', messageOf(error), { cause: error }))
      return
    }
    rerouter.answered()
  }

  return {
    receive(peer, message, payload) {
      if (message.type === 'result') receiveResult(peer, message, payload)
      else if (message.type === 'leaving') moves.announced(peer, message.start)
      else if (message.type === 'handed-over') transfers.handedOver(peer, message.epoch)
      else if (message.type !== 'opened' && message.type !== 'failed') return
      else if (!transfers.concerns(message.epoch)) rerouter.receive(peer, message)
      else {
        const failure = transfers.receive(peer, message)
        if (failure !== null) rerouter.abortMove(failure)
      }
    },
    lost(peer, error) {
      transfers.lost(peer, error)
      rerouter.lost(peer, error)
    },
  }
}
