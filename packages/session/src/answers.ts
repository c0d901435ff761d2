import { messageOf, ShoalError, type Logger } from '@shoal/host'
import type { Channel } from '@shoal/network'
import { encodeSession, type SessionMessage } from '@shoal/protocol'
import { sessionLimits } from './limits.ts'

/** Sends small messages that nobody waits for. A peer that provokes them and does not read them is hung up on. */
export function createAnswers(logger: Logger): (channel: Channel, message: SessionMessage) => void {
  const pending = new WeakMap<Channel, number>()

  const send = async (channel: Channel, message: SessionMessage): Promise<void> => {
    const count = (pending.get(channel) ?? 0) + 1
    if (count > sessionLimits.maxAnswersPending) {
      channel.abort(new ShoalError('limit-exceeded', `${channel.remotePeer} does not read its answers`))
      return
    }
    pending.set(channel, count)
    try {
      await channel.send(...encodeSession(message))
    } catch (error) {
      // Nothing to repair here: the channel's own end frees what hangs on it.
      logger.debug('answer-lost', { peer: channel.remotePeer, type: message.type, reason: messageOf(error) })
    } finally {
      pending.set(channel, (pending.get(channel) ?? 1) - 1)
    }
  }
  return (channel, message) => {
    if (!channel.closed) void send(channel, message)
  }
}
