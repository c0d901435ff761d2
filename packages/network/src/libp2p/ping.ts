import type { Connection, Stream } from '@libp2p/interface'
import { orAborted, type Clock } from '@shoal/host'

const pingProtocol = '/ipfs/ping/1.0.0'
const pingBytes = 32

/**
 * One round trip in milliseconds, measured on a stream that is open already, by the injected clock. The ping service's
 * own figure is in whole milliseconds, which on a LAN is zero.
 */
export async function measureRoundTrip(
  connection: Connection,
  clock: Clock,
  signal: AbortSignal,
): Promise<number> {
  const stream = await connection.newStream(pingProtocol, { signal })
  try {
    const startMs = clock.nowMs()
    await orAborted(echo(stream), signal)
    return clock.nowMs() - startMs
  } finally {
    // The service at the other end ends its side when this one is gone.
    stream.abort(new Error('the ping is done'))
  }
}

function echo(stream: Stream): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = 0
    stream.addEventListener('message', (event) => {
      received += event.data.byteLength
      if (received < pingBytes) return
      resolve()
    })
    stream.addEventListener('close', (event) => reject(event.error ?? new Error('the stream was closed')), {
      once: true,
    })
    stream.send(new Uint8Array(pingBytes))
  })
}
