import type { TLSSocket } from 'node:tls'
import { freeMemory, type Clock, type Logger } from '@shoal/host'
import { CreditChannel } from '../channel/credit-channel.ts'
import type { FirstCredit } from '../channel/first-credit.ts'
import type { HeldFrames } from '../channel/held-frames.ts'
import type { Wire } from '../channel/wire.ts'
import { createFrameReader, packFrame, packGoodbye, packGrant } from '../channel/frame-reader.ts'
import { limits } from '../limits.ts'

/** A channel over a socket of its own: the same words and frames as on a stream, with nothing but TLS beneath. */
export function createSocketChannel(
  socket: TLSSocket,
  remotePeer: string,
  protocol: string,
  credit: FirstCredit,
  held: HeldFrames,
  clock: Clock,
  logger: Logger,
): CreditChannel {
  let ending: Promise<void> | undefined

  const end = async (): Promise<void> => {
    if (socket.destroyed) return
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    // The other side answers with its own end. One that does not must not keep the socket, also when it said goodbye first
    // and the channel is over.
    const timer = clock.after(limits.closeTimeoutMs, () => socket.destroy())
    socket.end(packGoodbye())
    await closed
    timer.cancel()
  }
  const wire: Wire = {
    pack: packFrame,
    write: (packed) => socket.write(packed, () => freeMemory(packed.buffer)),
    grant(bytes) {
      if (ending === undefined) socket.write(packGrant(bytes))
    },
    end: () => (ending ??= end()),
    reset: () => void socket.destroy(),
  }

  const channel = new CreditChannel(remotePeer, protocol, wire, credit, held, clock, (error) =>
    logger.error('channel-listener-failed', { peer: remotePeer, protocol, error }),
  )
  const reader = createFrameReader({
    admit: (length) => channel.admit(length),
    frame: (frame) => channel.frameArrived(frame),
    granted: (bytes) => channel.granted(bytes),
    farewell: () => channel.farewell(),
    failed: (error) => channel.unreadable(error),
  })
  socket.setNoDelay(true)
  // A peer's machine that went and came back with a new connection leaves no other sign at an idle socket, and a firewall
  // between forgets one.
  socket.setKeepAlive(true, limits.directKeepAliveMs)
  socket.on('data', (bytes: Buffer) => {
    // The reader copies what it needs. Not what Node has joined in its pool, before anybody listened.
    reader.read(bytes)
    if (bytes.byteLength === bytes.buffer.byteLength) freeMemory(bytes.buffer)
  })
  socket.on('drain', () => channel.drained())
  socket.on('error', (error) => channel.broke(error))
  socket.on('end', () => {
    channel.broke(new Error('it ended without a goodbye'))
    // Node would first write what waits, which the other side need never read.
    if (ending === undefined) socket.destroy()
  })
  const closed = (): void => channel.broke(new Error('its socket is closed'))
  socket.on('close', closed)
  // Its 'close' may have been before these listeners.
  if (socket.destroyed) closed()
  return channel
}
