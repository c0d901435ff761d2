import { messageOf, ShoalError, timeLimit, type Clock, type Logger } from '@shoal/host'
import type { Channel, Transport } from '@shoal/network'
import { decodeDialBack, encodeDialBack, protocols } from '@shoal/protocol'
import { swarmLimits } from '../../limits.ts'

export interface ServeDialBackDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly transport: Pick<Transport, 'handle' | 'knock'>
  readonly isMember: (peer: string) => boolean
}

/**
 * Knocks for members at the addresses of which they ask. Nobody else is served, a member only at the address from which it is
 * connected, and few at once: this node must not become a means to knock at others' doors.
 */
export function serveDialBacks(dependencies: ServeDialBackDependencies): void {
  const { clock, logger, transport, isMember } = dependencies
  const lastMs = new Map<string, number[]>()
  let underWay = 0

  /** Whether a member has asked too often. */
  const mayAsk = (peer: string): boolean => {
    const sinceMs = clock.nowMs() - swarmLimits.dialBackEveryMs
    for (const [other, times] of lastMs) if (times.every((atMs) => atMs < sinceMs)) lastMs.delete(other)
    const recent = (lastMs.get(peer) ?? []).filter((atMs) => atMs >= sinceMs)
    if (recent.length >= swarmLimits.dialBackMembers || underWay >= swarmLimits.dialBacksAtOnce) return false
    lastMs.set(peer, [...recent, clock.nowMs()])
    return true
  }

  const knock = async (peer: string, address: string): Promise<boolean> => {
    if (!isMember(peer) || !mayAsk(peer) || transport.knock === undefined)
      throw new ShoalError('no-capacity', 'this peer does not try that address now')
    const limit = timeLimit(
      clock,
      swarmLimits.dialBackMs,
      () => new ShoalError('deadline-passed', 'nobody answered'),
    )
    underWay += 1
    try {
      return await transport.knock(peer, address, { signal: limit.signal })
    } finally {
      underWay -= 1
      limit.clear()
    }
  }

  const answer = async (channel: Channel, frame: Uint8Array): Promise<void> => {
    const peer = channel.remotePeer
    const message = decodeDialBack(frame)
    if (message.type !== 'dial-back')
      throw new ShoalError('bad-frame', 'a dial-back channel opens with a question')
    try {
      const answered = await knock(peer, message.address)
      await channel.send(...encodeDialBack({ type: 'dialled-back', answered }))
    } catch (error) {
      const code = error instanceof ShoalError ? error.code : 'internal'
      await channel.send(
        ...encodeDialBack({ type: 'refused', code, message: messageOf(error), definite: false }),
      )
    }
    await channel.close()
  }

  transport.handle(protocols.dialBack, (channel) => {
    let asked = false
    const timer = clock.after(3 * swarmLimits.dialBackMs, () =>
      channel.abort(new ShoalError('deadline-passed', 'no question came')),
    )
    channel.onClose(() => timer.cancel())
    channel.onFrame(async (frame) => {
      if (asked) throw new ShoalError('bad-frame', 'one question to a channel')
      asked = true
      await answer(channel, frame).catch((error: unknown) => {
        logger.debug('dial-back-refused', { peer: channel.remotePeer, reason: messageOf(error) })
        channel.abort(error instanceof Error ? error : new Error(messageOf(error)))
      })
    })
  })
}
