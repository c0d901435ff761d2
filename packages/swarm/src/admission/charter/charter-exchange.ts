import { messageOf, ShoalError, timeLimit, type Clock, type Logger } from '@shoal/host'
import { standingOf, type Channel, type Transport } from '@shoal/network'
import { protocols } from '@shoal/protocol'
import { decodeActs, encodeActs } from '@shoal/trust'
import { swarmLimits } from '../../limits.ts'
import type { CharterKeeper } from './charter-keeper.ts'

export interface CharterExchangeDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
  readonly charter: CharterKeeper
}

/**
 * Spreads the acts of admins. A peer that connects gets all of them; new acts go at once to all connected peers, which
 * pass them on. A channel carries one frame of acts each way and is then closed.
 */
export function exchangeCharter(dependencies: CharterExchangeDependencies): void {
  const { transport, logger, charter } = dependencies
  const tell = (peer: string): void => {
    send(dependencies, peer).catch((error: unknown) =>
      logger.debug('charter-not-told', { peer, reason: messageOf(error) }),
    )
  }
  transport.handle(protocols.charter, (channel) => {
    channel.onFrame(async (frame) => {
      await charter.merge(decodeActs(frame))
      await channel.send(encodeActs(charter.acts()))
      await channel.close()
    })
  })
  transport.onConnect((peer) => {
    if (charter.acts().length > 0) tell(peer)
  })
  for (const peer of charter.acts().length > 0 ? transport.connected() : []) tell(peer)
  charter.onNews(() => {
    // A peer that these acts have put out is told neither the acts nor a new secret.
    for (const peer of transport.connected()) if (standingOf(transport, peer) !== null) tell(peer)
  })
}

async function send({ transport, clock, charter }: CharterExchangeDependencies, peer: string): Promise<void> {
  const late = (): ShoalError => new ShoalError('deadline-passed', 'the peer did not answer')
  const limit = timeLimit(clock, swarmLimits.helloTimeoutMs, late)
  try {
    const channel = await transport.open(peer, protocols.charter, { signal: limit.signal })
    const sent = channel.send(encodeActs(charter.acts()))
    const [answer] = await Promise.all([answerOf(channel, limit.signal), sent])
    await charter.merge(decodeActs(answer))
  } finally {
    limit.clear()
  }
}

function answerOf(channel: Channel, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    channel.onFrame((frame) => resolve(frame))
    channel.onClose((error) => reject(error ?? new ShoalError('peer-vanished', 'the channel was closed')))
    signal.addEventListener('abort', () => {
      reject(signal.reason as Error)
      channel.abort(signal.reason as Error)
    })
  })
}
