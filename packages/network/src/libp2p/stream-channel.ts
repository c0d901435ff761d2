import { messageOf, type Clock, type Logger } from '@shoal/host'
import type { Stream } from '@libp2p/interface'
import { CreditChannel } from '../channel/credit-channel.ts'
import type { FirstCredit } from '../channel/first-credit.ts'
import type { HeldFrames } from '../channel/held-frames.ts'
import type { Wire } from '../channel/wire.ts'
import { limits } from '../limits.ts'
import { createFrameReader, packFrame, packGoodbye, packGrant } from '../channel/frame-reader.ts'

/**
 * A channel over a libp2p stream. Of the stream's own flow control it uses only the result of `send` and the events
 * `drain` and `idle`: `onDrain()`, `for await` and `pause()` have defects (docs/network.md). Credit does the rest.
 *
 * Call it in the same turn in which libp2p hands over the stream, so that no byte arrives unheard.
 */
export function createStreamChannel(
  stream: Stream,
  remotePeer: string,
  credit: FirstCredit,
  held: HeldFrames,
  clock: Clock,
  logger: Logger,
): CreditChannel {
  let endPromise: Promise<void> | undefined
  let waitsForDrain = false

  const wire: Wire = {
    pack: packFrame,
    write(packed) {
      waitsForDrain = !stream.send(packed) || !isDrained(stream)
      return !waitsForDrain
    },
    grant(bytes) {
      if (endPromise !== undefined) return
      try {
        stream.send(packGrant(bytes))
      } catch (error) {
        channel.broke(error)
      }
    },
    end: () => (endPromise ??= endStream(stream, remotePeer, clock, logger)),
    reset: (error) => stream.abort(error),
  }

  const channel = new CreditChannel(remotePeer, stream.protocol, wire, credit, held, clock, (error) =>
    logger.error('channel-listener-failed', { peer: remotePeer, protocol: stream.protocol, error }),
  )
  const reader = createFrameReader({
    admit: (length) => channel.admit(length),
    frame: (frame) => channel.frameArrived(frame),
    granted: (bytes) => channel.granted(bytes),
    farewell: () => channel.farewell(),
    failed: (error) => channel.unreadable(error),
  })

  const maybeDrained = (): void => {
    if (!waitsForDrain || !isDrained(stream)) return
    waitsForDrain = false
    channel.drained()
  }
  // libp2p sends the rest of its buffer one microtask after `drain`.
  stream.addEventListener('drain', () => queueMicrotask(() => queueMicrotask(maybeDrained)))
  stream.addEventListener('idle', () => queueMicrotask(maybeDrained))
  stream.addEventListener('message', (event) => {
    if (event.data instanceof Uint8Array) reader.read(event.data)
    else for (const piece of event.data) reader.read(piece)
  })
  const endedWithoutGoodbye = (): void => channel.broke(new Error('it ended without a goodbye'))
  stream.addEventListener('close', (event) => channel.broke(event.error))
  stream.addEventListener('remoteCloseWrite', () => queueMicrotask(endedWithoutGoodbye))
  // Events before these listeners were added: libp2p delivers its buffer in a microtask, and this check comes after it.
  if (stream.status !== 'open' || stream.remoteWriteStatus === 'closed')
    queueMicrotask(() => queueMicrotask(endedWithoutGoodbye))
  return channel
}

/** Sends goodbye and ends the stream, and aborts it when the other side does not end in time. Never rejects. */
async function endStream(stream: Stream, remotePeer: string, clock: Clock, logger: Logger): Promise<void> {
  const abandoned = new AbortController()
  const timer = clock.after(limits.closeTimeoutMs, () =>
    stream.abort(new Error('the other side did not end the stream')),
  )
  stream.addEventListener('close', () => {
    timer.cancel()
    abandoned.abort()
  })
  try {
    stream.send(packGoodbye())
    await stream.close({ signal: abandoned.signal })
  } catch (error) {
    // The stream broke before the goodbye left. The other side sees that, and this side was closing anyway.
    logger.debug('goodbye-unsent', { peer: remotePeer, reason: messageOf(error) })
  }
}

const isDrained = (stream: Stream): boolean => !stream.writableNeedsDrain && stream.writeBufferLength === 0
