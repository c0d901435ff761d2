import { onAbort, ShoalError, timeLimit, type Clock } from '@shoal/host'
import type { Transport } from '@shoal/network'
import { swarmLimits } from '../limits.ts'
import { openBlobClient } from '../weights/blobs/client.ts'

/** Pieces requested at once. One piece before them is not counted: it opens the TCP window and brings the blob into memory. */
const pieces = 4

/**
 * Reads the first `bytes` of a blob that `peer` holds, several times at once.
 * @returns the bytes received, and the milliseconds from the request to the last byte
 * @throws {ShoalError} `deadline-passed`, `peer-vanished`, `not-found`; the signal's reason
 */
export async function probeLink(
  { transport, clock }: { readonly transport: Transport; readonly clock: Clock },
  peer: string,
  blob: string,
  bytes: number,
  signal: AbortSignal,
): Promise<{ readonly bytes: number; readonly elapsedMs: number }> {
  const limit = timeLimit(
    clock,
    swarmLimits.probeTimeoutMs,
    () => new ShoalError('deadline-passed', `${peer} did not answer a measurement`),
    signal,
  )
  try {
    const client = await openBlobClient(transport, clock, peer, limit.signal)
    onAbort(limit.signal, () => client.abort(new ShoalError('cancelled', 'the measurement is over')))
    try {
      await client.read(blob, 0, bytes)
      const startMs = clock.nowMs()
      const answers = await Promise.all(Array.from({ length: pieces }, () => client.read(blob, 0, bytes)))
      return {
        bytes: answers.reduce((sum, answer) => sum + answer.bytes.byteLength, 0),
        elapsedMs: clock.nowMs() - startMs,
      }
    } finally {
      await client.close()
    }
  } finally {
    limit.clear()
  }
}
