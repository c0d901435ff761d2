import { messageOf, ShoalError, type Logger } from '@shoal/host'
import type { Channel } from '@shoal/network'
import { decodeGroup, encodeGroup, limits, type Decoded, type GroupMessage } from '@shoal/protocol'

/** The channel between two ranks of a group. */
export interface RankLink {
  readonly peer: string
  /** Copies `values` before it returns. A message that cannot be sent any more is dropped; the end of the channel is reported. */
  send(message: GroupMessage, values?: Float32Array): void
  /** An error thrown by `receive` ends the channel. */
  onMessage(receive: (message: GroupMessage, values: Float32Array) => Promise<void> | void): void
  onClose(listener: (error?: Error) => void): void
  /** The peer has a part in a group: it may send whole sums. */
  widen(): void
  close(): void
  abort(error: Error): void
}

const noValues = new Float32Array()

export function createRankLink(channel: Channel, logger: Logger): RankLink {
  const peer = channel.remotePeer
  return {
    peer,
    send(message, values) {
      if (channel.closed) return
      channel
        .send(...encodeGroup(message, values))
        .catch((error: unknown) =>
          logger.debug('group-message-lost', { peer, type: message.type, reason: messageOf(error) }),
        )
    },
    onMessage(receive) {
      channel.onFrame((frame) => {
        const { message, payload }: Decoded<GroupMessage> = decodeGroup(frame)
        // The payload lies at a multiple of 8 bytes, so that a view of it suffices.
        return receive(
          message,
          payload.length === 0
            ? noValues
            : new Float32Array(
                payload.buffer,
                payload.byteOffset,
                payload.length / Float32Array.BYTES_PER_ELEMENT,
              ),
        )
      })
    },
    onClose: (listener) => channel.onClose(listener),
    widen: () => channel.widen(limits.channelCreditBytes),
    close: () => void channel.close().catch(() => undefined),
    abort: (error) => channel.abort(error),
  }
}

/** The error of a rank whose channel has ended. */
export function rankLost(name: string, error: Error | undefined): ShoalError {
  return new ShoalError(
    'peer-vanished',
    `${name} is gone: ${error === undefined ? 'it closed its channel' : error.message}`,
    { cause: error },
  )
}
