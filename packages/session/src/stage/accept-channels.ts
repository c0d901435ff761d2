import { messageOf, ShoalError, type Logger } from '@shoal/host'
import type { Channel } from '@shoal/network'
import { createOutbox } from '../channels/outbox.ts'
import type { InboundChannels } from './inbound-channels.ts'
import type { ServedSpans } from './served-spans.ts'
import type { StageMessages } from './stage-messages.ts'
import type { StageTable } from './stage-table.ts'

export interface AcceptContext {
  readonly table: StageTable
  readonly inbound: InboundChannels
  readonly spans: ServedSpans
  readonly messages: StageMessages
  readonly logger: Logger
}

/** @returns what a node does with a channel that a coordinator, or a stage before this one, has opened */
export function createAccept({
  table,
  inbound,
  spans,
  messages,
  logger,
}: AcceptContext): (channel: Channel) => void {
  /** After an undecodable frame nothing that follows can be trusted, so the channel ends. */
  const refuse = (channel: Channel, error: unknown): void => {
    const peer = channel.remotePeer
    logger.warn('frame-refused', { peer, reason: messageOf(error) })
    // The failure is reported before the channel ends: for a channel that ends without a report, the peer would blame
    // this node.
    for (const stage of table.list()) {
      if (stage.session.previous !== peer) continue
      const message = `${peer} sent an undecodable frame`
      stage.fail({ step: null, code: 'bad-frame', message, definite: true })
    }
    channel.abort(error instanceof Error ? error : new Error(messageOf(error)))
  }

  return (channel) => {
    if (spans.closed) {
      channel.abort(new ShoalError('not-ready', 'this node is closing'))
      return
    }
    inbound.add(channel, table.list())
    const outbox = createOutbox(channel, logger)
    channel.onFrame((frame) => {
      try {
        return messages.receive(outbox, frame)
      } catch (error) {
        refuse(channel, error)
      }
    })
    channel.onClose(() => {
      if (table.owner(channel.remotePeer)?.outbox === outbox) table.lost(channel.remotePeer)
    })
  }
}
