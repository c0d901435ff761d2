import { messageOf, ShoalError, type Clock } from '@shoal/host'
import type { Piece } from '@shoal/model/node'
import type { LinkRates } from '../../../measuring/link-rates.ts'
import { nextWindow } from './piece-board.ts'
import type { Source } from './source-pool.ts'

export type PieceAnswer =
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  /** It sent something else than a piece of this tensor. */
  | { readonly type: 'wrong'; readonly receivedBytes: number; readonly why: string }
  /** It answered that it does not hold the tensor, or it did not answer. */
  | { readonly type: 'none'; readonly lacks: boolean; readonly why: string }

/** Asks a peer for one piece, and adapts how many pieces are to be under way with it. Never rejects. */
export async function askForPiece(
  { clock, rates }: { readonly clock: Clock; readonly rates?: LinkRates | undefined },
  source: Source,
  { tensor, offset, bytes: wanted }: Piece,
): Promise<PieceAnswer> {
  const { peer } = source.client
  const startedMs = clock.nowMs()
  rates?.began(peer)
  let receivedBytes = 0
  try {
    const { bytes, total } = await source.client.read(tensor.sha256, offset, wanted)
    receivedBytes = bytes.byteLength
    source.window = nextWindow(source.window, clock.nowMs() - startedMs)
    if (receivedBytes === wanted && total === tensor.bytes) return { type: 'bytes', bytes }
    const why = `${peer} sent ${receivedBytes} bytes of a ${tensor.name} of ${total} instead of ${wanted} of ${tensor.bytes}`
    return { type: 'wrong', receivedBytes, why }
  } catch (error) {
    const lacks = error instanceof ShoalError && error.code === 'not-found'
    return { type: 'none', lacks, why: messageOf(error) }
  } finally {
    rates?.ended(peer, receivedBytes)
  }
}
