import { messageOf, type Logger } from '@shoal/host'
import type { HandOver, LetGo } from '@shoal/protocol'
import { sessionLimits } from '../../route/limits.ts'
import type { PeerChannels } from '../../channels/peer-channels.ts'
import { nameBlocks } from '../../route/stage-error.ts'
import { startHandOver } from './send-caches.ts'
import type { Stage, StageEvent, StageTable } from '../stage-table.ts'
import { createSlots } from './transfer-slots.ts'

/** What a node does when coordinators move their sessions away from it. */
export interface HandOverDesk {
  receive(peer: string, message: HandOver | LetGo): void
  /** A coordinator closes a session here: after a hand-over because others have it now. */
  closing(stage: Stage): void
}

export interface HandOverDeskContext {
  readonly table: Pick<StageTable, 'find'>
  readonly hops: PeerChannels
  readonly logger: Logger
  readonly onEvent: (event: StageEvent) => void
}

export function createHandOverDesk({ table, hops, logger, onEvent }: HandOverDeskContext): HandOverDesk {
  const slots = createSlots(sessionLimits.handOversAtOnce)

  return {
    receive(peer, message) {
      const stage = table.find(message.session, message.start)
      if (stage === undefined || stage.owner.peer !== peer || !stage.opened) return
      if (message.type === 'hand-over') {
        // A new one replaces the one before: its successors are not wanted any more.
        stage.handOver?.stop()
        stage.handOver = message.to.length === 0 ? null : startHandOver({ hops, slots }, stage, message)
      } else if (message.epoch > stage.session.epoch) {
        stage.handOver?.letGo(message.epoch).catch((error: unknown) => {
          if (!stage.freed.signal.aborted)
            logger.warn('hand-over-failed', { session: stage.id, reason: messageOf(error) })
        })
      }
    },
    closing(stage) {
      if (stage.handOver?.left !== true) return
      const to = stage.handOver.to.map((successor) => successor.peer)
      logger.info('session-handed-over', { session: stage.id, blocks: nameBlocks(stage), to })
      onEvent({ event: 'session-moved', session: stage.id, peer: stage.owner.peer, to })
    },
  }
}
