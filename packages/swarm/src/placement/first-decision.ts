import { onAbort, ShoalError } from '@shoal/host'
import type { SpanKeeper } from './span-keeper.ts'

/** Waits for the first placement. A node that is told to stop while its first span loads must not wait for it. */
export async function firstDecision(keeper: SpanKeeper, signal: AbortSignal | undefined): Promise<void> {
  const interrupted = Promise.withResolvers<never>()
  const stopListening = onAbort(signal, () =>
    interrupted.reject(
      new ShoalError('cancelled', 'the node was stopped before it served', { cause: signal?.reason }),
    ),
  )
  try {
    await Promise.race([keeper.settled, keeper.failed, interrupted.promise])
  } finally {
    stopListening()
  }
}
