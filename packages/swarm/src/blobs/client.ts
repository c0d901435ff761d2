import { ShoalError, type Clock } from '@shoal/host'
import type { Channel, Transport } from '@shoal/network'
import { decodeBlob, encodeBlob, limits, protocols } from '@shoal/protocol'
import { swarmLimits } from '../limits.ts'

interface Pending {
  resolve(bytes: { bytes: Uint8Array; total: number }): void
  reject(error: Error): void
}

/** Requests pieces of blobs from one peer over one channel. */
export interface BlobClient {
  readonly peer: string
  /** @throws {ShoalError} `not-found` when the peer lacks it; `peer-vanished`, `deadline-passed` when it does not answer */
  read(blob: string, offset: number, length: number): Promise<{ bytes: Uint8Array; total: number }>
  close(): Promise<void>
}

export async function openBlobClient(transport: Transport, clock: Clock, peer: string, signal: AbortSignal): Promise<BlobClient> {
  const channel = await transport.open(peer, protocols.blobs, { signal })
  const pending = new Map<number, Pending>()
  let next = 0

  channel.onFrame((frame) => {
    const { message, payload } = decodeBlob(frame)
    if (message.type === 'get') throw new ShoalError('bad-frame', 'a blob answer was expected, not a request')
    const waiting = pending.get(message.request)
    if (waiting === undefined) return
    pending.delete(message.request)
    if (message.type === 'no-blob') waiting.reject(new ShoalError('not-found', `${peer}: ${message.message}`))
    else waiting.resolve({ bytes: payload, total: message.total })
  })
  channel.onClose((error) => {
    for (const waiting of pending.values()) waiting.reject(new ShoalError('peer-vanished', `${peer} closed the connection while sending weights`, { cause: error }))
    pending.clear()
  })

  return {
    peer,
    close: () => channel.close(),
    read: (blob, offset, length) => request(channel, clock, pending, { type: 'get', request: next++, blob, offset, length }),
  }
}

function request(
  channel: Channel,
  clock: Clock,
  pending: Map<number, Pending>,
  message: { type: 'get'; request: number; blob: string; offset: number; length: number },
): Promise<{ bytes: Uint8Array; total: number }> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(swarmLimits.blobTimeoutMs, () => {
      pending.delete(message.request)
      reject(new ShoalError('deadline-passed', `${channel.remotePeer} sent no weights for ${swarmLimits.blobTimeoutMs} ms`))
    })
    pending.set(message.request, {
      resolve(answer) {
        timer.cancel()
        resolve(answer)
      },
      reject(error) {
        timer.cancel()
        reject(error)
      },
    })
    channel.send(...encodeBlob(message)).catch((error: unknown) => {
      const waiting = pending.get(message.request)
      pending.delete(message.request)
      waiting?.reject(error instanceof Error ? error : new Error(String(error)))
    })
  })
}

/** A whole small blob (a manifest, an asset), bounded by `maxBytes`. The caller checks its hash. */
export async function readWholeBlob(client: BlobClient, blob: string, maxBytes: number): Promise<Uint8Array> {
  const first = await client.read(blob, 0, limits.blobChunkBytes)
  if (first.total > maxBytes) throw new ShoalError('limit-exceeded', `${client.peer} offers ${first.total} bytes for ${blob.slice(0, 12)}, at most ${maxBytes} are taken`)
  const whole = new Uint8Array(first.total)
  let have = place(whole, 0, first.bytes, client.peer)
  while (have < whole.byteLength) {
    const piece = await client.read(blob, have, Math.min(limits.blobChunkBytes, whole.byteLength - have))
    have = place(whole, have, piece.bytes, client.peer)
  }
  return whole
}

function place(whole: Uint8Array, offset: number, bytes: Uint8Array, peer: string): number {
  if ((bytes.byteLength === 0 && whole.byteLength > offset) || offset + bytes.byteLength > whole.byteLength) {
    throw new ShoalError('bad-frame', `${peer} sent a piece of ${bytes.byteLength} bytes at ${offset} of ${whole.byteLength}`)
  }
  whole.set(bytes, offset)
  return offset + bytes.byteLength
}
