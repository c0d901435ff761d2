import { createSerialQueue, messageOf, ShoalError, type Logger } from '@shoal/host'
import type { Channel } from '@shoal/network'
import { encodeSession, type SessionMessage } from '@shoal/protocol'
import { sessionLimits } from '../route/limits.ts'

/** The sending side of one channel, for all sessions that share it. */
export interface Outbox {
  readonly peer: string
  readonly closed: boolean
  /**
   * Sends rows after those that were queued before. `frame` is called when it is their turn, so that rows wait in their
   * journal and not as copies: the channel holds one frame at a time.
   * @throws {ShoalError} `peer-vanished`
   */
  send(frame: () => readonly Uint8Array[]): Promise<void>
  /** Sends a small message without waiting for it, ahead of rows that are queued. */
  post(message: SessionMessage): void
  /** Closes the channel with an error. */
  abort(error: Error): void
}

export function createOutbox(channel: Channel, logger: Logger): Outbox {
  const sending = createSerialQueue()
  let posted = 0

  const post = async (message: SessionMessage): Promise<void> => {
    posted += 1
    try {
      await channel.send(...encodeSession(message))
    } catch (error) {
      // Only logged: the end of the channel is reported to its owner, which frees the sessions that depend on it.
      logger.debug('message-lost', { peer: channel.remotePeer, type: message.type, reason: messageOf(error) })
    } finally {
      posted -= 1
    }
  }

  return {
    peer: channel.remotePeer,
    get closed() {
      return channel.closed
    },
    send: (frame) => sending.run(() => channel.send(...frame())),
    post(message) {
      if (channel.closed) return
      // A peer that provokes answers and does not read them must not fill this node's memory.
      if (posted >= sessionLimits.maxPosted)
        channel.abort(new ShoalError('limit-exceeded', `${channel.remotePeer} does not read what it is sent`))
      else void post(message)
    },
    abort: (error) => channel.abort(error),
  }
}
