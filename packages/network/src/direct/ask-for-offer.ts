import { isErrorCode, messageOf, onAbort, ShoalError, type Logger } from '@shoal/host'
import { decodeDirect, encodeDirect, type DirectOffer } from '@shoal/protocol'
import type { Channel } from '../transport.ts'

/**
 * Asks a peer for a direct connection over `channel`, and closes that.
 * @throws {ShoalError} the code of a refusal, `peer-vanished`, `bad-frame`; the signal's reason
 */
export async function askForOffer(
  channel: Channel,
  protocol: string,
  logger: Logger,
  signal: AbortSignal,
): Promise<DirectOffer> {
  const answered = Promise.withResolvers<Uint8Array>()
  channel.onClose((error) =>
    answered.reject(
      error ?? new ShoalError('peer-vanished', `${channel.remotePeer} closed the channel without an answer`),
    ),
  )
  channel.onFrame(answered.resolve)
  const stopListening = onAbort(signal, () => answered.reject(signal.reason))
  try {
    // Both at once: the channel may end, or the time be over, while the ask still waits to leave.
    const [frame] = await Promise.all([
      answered.promise,
      channel.send(...encodeDirect({ type: 'direct-ask', channel: protocol })),
    ])
    return offerIn(frame)
  } finally {
    stopListening()
    channel
      .close()
      .catch((error: unknown) => logger.debug('direct-ask-unclosed', { reason: messageOf(error) }))
  }
}

function offerIn(frame: Uint8Array): DirectOffer {
  const message = decodeDirect(frame)
  if (message.type === 'direct-offer') return message
  if (message.type === 'refused')
    throw new ShoalError(
      isErrorCode(message.code) ? message.code : 'internal',
      `the peer refuses: ${message.message}`,
    )
  throw new ShoalError('bad-frame', `a '${message.type}' came where an offer or a refusal was expected`)
}
