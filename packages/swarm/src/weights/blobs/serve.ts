import { asFailure, createSerialQueue, ShoalError, messageOf, type Clock, type Logger } from '@shoal/host'
import type { Channel, Transport } from '@shoal/network'
import { decodeBlob, encodeBlob, limits, protocols, type BlobRequest } from '@shoal/protocol'
import { blobLimits } from './limits.ts'
import { createPieceSlots } from './serving/piece-slots.ts'
import { RequestPace } from './serving/request-pace.ts'
import { taken } from './serving/taken.ts'

/** Content by name: `manifest`, or the sha256 of an asset or packed tensor. Implemented over a packed folder. */
export interface BlobSource {
  /** Size of a blob held whole and verified; null when this peer does not have it. */
  size(blob: string): number | null
  read(blob: string, offset: number, length: number): Promise<Uint8Array>
}

const weights = { what: 'weights', withinMs: blobLimits.takePieceMs } as const

/**
 * Gives other peers the weights this one holds, piece by piece. Requests of a channel are answered one after the other: an
 * asker that sends thousands of them makes us hold one piece, and fills its own credit with the rest.
 */
export function serveBlobs(
  transport: Pick<Transport, 'handle' | 'networkOf'>,
  source: BlobSource,
  logger: Logger,
  clock: Clock,
): void {
  const slots = createPieceSlots(blobLimits.served)
  const pace = new RequestPace(clock, blobLimits.requests)
  transport.handle(protocols.blobs, (channel) => {
    // Frames do not wait for the promise of the one before, so the requests must.
    const requests = createSerialQueue()
    const answerNext = async (frame: Uint8Array): Promise<void> => {
      // Requests that still wait when the asker has gone are dropped.
      if (channel.closed) return
      try {
        const { message } = decodeBlob(frame)
        if (message.type !== 'get')
          throw new ShoalError('bad-frame', `a blob channel takes requests only, not '${message.type}'`)
        const { remotePeer } = channel
        const network = transport.networkOf?.(remotePeer) ?? null
        await pace.turn(network ?? remotePeer, remotePeer, () => channel.closed)
        if (channel.closed) return
        const giveBack = await slots.take(remotePeer, network)
        try {
          if (!channel.closed) await taken(channel, clock, weights, answer(channel, source, message))
        } finally {
          giveBack()
        }
      } catch (error) {
        // An asker that has what it wants closes the channel in the middle of a transfer, which is normal.
        logger[channel.closed ? 'debug' : 'warn']('blob-channel-aborted', {
          peer: channel.remotePeer,
          reason: messageOf(error),
        })
        channel.abort(error instanceof Error ? error : new Error(messageOf(error)))
      }
    }
    channel.onFrame((frame) => requests.run(() => answerNext(frame)))
  })
}

async function answer(channel: Channel, source: BlobSource, request: BlobRequest): Promise<void> {
  const refuse = (code: string, message: string): Promise<void> =>
    channel.send(...encodeBlob({ type: 'no-blob', request: request.request, code, message }))
  const total = source.size(request.blob)
  if (total === null) return refuse('not-found', `this peer does not hold ${request.blob.slice(0, 12)}`)
  if (request.length > limits.blobChunkBytes)
    return refuse(
      'limit-exceeded',
      `at most ${limits.blobChunkBytes} bytes per request, not ${request.length}`,
    )
  if (request.offset > total)
    return refuse('bad-request', `offset ${request.offset} is past the end (${total})`)
  let bytes: Uint8Array
  try {
    bytes = await source.read(request.blob, request.offset, Math.min(request.length, total - request.offset))
  } catch (error) {
    return refuse(asFailure(error).code, 'this peer could not read the blob')
  }
  return channel.send(
    ...encodeBlob({ type: 'chunk', request: request.request, offset: request.offset, total }, bytes),
  )
}
