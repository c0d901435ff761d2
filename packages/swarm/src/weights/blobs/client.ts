import { ShoalError, type Clock } from '@shoal/host'
import type { Channel, Transport } from '@shoal/network'
import { decodeBlob, encodeBlob, limits, protocols } from '@shoal/protocol'
import { pipe } from 'it-pipe'
import { blobLimits } from './limits.ts'

interface Pending {
  readonly offset: number
  resolve(bytes: { bytes: Uint8Array; total: number }): void
  reject(error: Error): void
}

/** Requests pieces of blobs from one peer over one channel. */
export interface BlobClient {
  readonly peer: string
  /** @throws {ShoalError} `not-found` when the peer lacks it; `peer-vanished`, `deadline-passed` when it does not answer */
  read(blob: string, offset: number, length: number): Promise<{ bytes: Uint8Array; total: number }>
  close(): Promise<void>
  /** Drops the channel at once; what is being read is rejected. */
  abort(error: Error): void
}

export async function openBlobClient(
  transport: Transport,
  clock: Clock,
  peer: string,
  signal: AbortSignal,
): Promise<BlobClient> {
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
    else if (message.offset !== waiting.offset)
      waiting.reject(
        new ShoalError(
          'bad-frame',
          `${peer} sent the bytes at ${message.offset} instead of those at ${waiting.offset}`,
        ),
      )
    else waiting.resolve({ bytes: payload, total: message.total })
  })
  channel.onClose((error) => {
    for (const waiting of pending.values()) waiting.reject(endedWith(peer, error))
    pending.clear()
  })

  return {
    peer,
    close: () => channel.close(),
    abort: (error) => channel.abort(error),
    read: (blob, offset, length) =>
      request(channel, clock, pending, { type: 'get', request: next++, blob, offset, length }),
  }
}

/** A peer whose frame cannot be decoded did not leave: this side has ended the channel, and says why. */
function endedWith(peer: string, error: Error | undefined): ShoalError {
  if (error instanceof ShoalError && error.code === 'bad-frame')
    return new ShoalError('bad-frame', `${peer} sent something else than weights: ${error.message}`, {
      cause: error,
    })
  return new ShoalError('peer-vanished', `${peer} closed the connection while sending weights`, {
    cause: error,
  })
}

function request(
  channel: Channel,
  clock: Clock,
  pending: Map<number, Pending>,
  message: { type: 'get'; request: number; blob: string; offset: number; length: number },
): Promise<{ bytes: Uint8Array; total: number }> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(blobLimits.pieceTimeoutMs, () => {
      pending.delete(message.request)
      reject(
        new ShoalError(
          'deadline-passed',
          `${channel.remotePeer} sent no weights for ${blobLimits.pieceTimeoutMs} ms`,
        ),
      )
    })
    pending.set(message.request, {
      offset: message.offset,
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
export function readWholeBlob(client: BlobClient, blob: string, maxBytes: number): Promise<Uint8Array> {
  return pipe(
    () => piecesOf(client, blob),
    (pieces) => bounded(pieces, client.peer, blob, maxBytes),
    joined,
  )
}

interface BlobPiece {
  readonly offset: number
  readonly bytes: Uint8Array
  readonly total: number
}

/** One after the other: the size is known only from the first answer. */
async function* piecesOf(client: BlobClient, blob: string): AsyncGenerator<BlobPiece> {
  let offset = 0
  let end = limits.blobChunkBytes
  do {
    const { bytes, total } = await client.read(blob, offset, Math.min(limits.blobChunkBytes, end - offset))
    yield { offset, bytes, total }
    offset += bytes.byteLength
    end = total
  } while (offset < end)
}

async function* bounded(
  pieces: AsyncIterable<BlobPiece>,
  peer: string,
  blob: string,
  maxBytes: number,
): AsyncGenerator<BlobPiece> {
  let size: number | null = null
  for await (const piece of pieces) {
    const { offset, bytes, total } = piece
    if (total > maxBytes)
      throw new ShoalError(
        'bad-frame',
        `${peer} offers ${total} bytes for ${blob.slice(0, 12)}, at most ${maxBytes} are taken`,
      )
    size ??= total
    // A piece is as long as it was asked to be: one that drips bytes would last for ever.
    if (total !== size || bytes.byteLength !== Math.min(limits.blobChunkBytes, total - offset)) {
      throw new ShoalError(
        'bad-frame',
        `${peer} sent a piece of ${bytes.byteLength} bytes at ${offset} of ${total}`,
      )
    }
    yield piece
  }
}

async function joined(pieces: AsyncIterable<BlobPiece>): Promise<Uint8Array> {
  let whole = new Uint8Array(0)
  for await (const { offset, bytes, total } of pieces) {
    if (offset === 0) whole = new Uint8Array(total)
    whole.set(bytes, offset)
  }
  return whole
}
