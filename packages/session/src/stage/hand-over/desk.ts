import { messageOf, type Logger } from '@shoal/host'
import type { HandOver, LetGo } from '@shoal/protocol'
import { sessionLimits } from '../../route/limits.ts'
import type { PeerChannels } from '../../channels/peer-channels.ts'
import { nameBlocks } from '../../route/stage-error.ts'
import type { StagePeers } from '../opening/opening-context.ts'
import { StageHandOver } from './stage-hand-over.ts'
import type { Stage } from '../stage.ts'
import type { StageEvent, StageTable } from '../stage-table.ts'
import { createSlots } from './transfer-slots.ts'

/** Gives sessions to other peers when their coordinators move them away from this node. */
export interface HandOverDesk {
  receive(peer: string, message: HandOver | LetGo): void
  /** A coordinator closes a session here. After a hand-over it does so because the successors have the session. */
  closing(stage: Stage): void
}

export interface HandOverDeskContext {
  readonly table: Pick<StageTable, 'find'>
  readonly hops: PeerChannels
  readonly peers: Pick<StagePeers, 'addresses'>
  readonly logger: Logger
  readonly onEvent: (event: StageEvent) => void
}

export function createHandOverDesk({
  table,
  hops,
  peers,
  logger,
  onEvent,
}: HandOverDeskContext): HandOverDesk {
  const slots = createSlots(sessionLimits.handOversAtOnce)

  return {
    receive(peer, message) {
      const stage = table.find(message.session, message.start)
      if (stage === undefined || stage.owner.peer !== peer || !stage.opened) return
      if (message.type === 'hand-over') {
        // The former hand-over ends before the next one begins, which may need its transfer slot.
        stage.endHandOver()
        if (message.to.length > 0)
          stage.beginHandOver(new StageHandOver({ hops, peers, logger, slots }, stage, message))
      } else if (message.epoch > stage.session.epoch) {
        stage.handOver?.letGo(message.epoch).catch((error: unknown) => {
          if (!stage.freed.aborted)
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
