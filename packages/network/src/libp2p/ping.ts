import type { Connection, Stream } from '@libp2p/interface'
import { orAborted, type Clock } from '@shoal/host'

const pingProtocol = '/ipfs/ping/1.0.0'
const pingBytes = 32

/**
 * Measures one round trip in milliseconds by the injected clock, on an open stream. The ping service reports whole
 * milliseconds, which is zero on a LAN.
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
