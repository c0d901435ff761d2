import { ShoalError, type Clock } from '@shoal/host'
import type { Channel } from '@shoal/network'

/**
 * Waits for an answer to leave; a peer that does not take it must not keep its place.
 * @param what the peer was to take, for the error of its channel
 * @param leaving resolves when the answer has left
 */
export async function taken(
  channel: Channel,
  clock: Clock,
  { what, withinMs }: { readonly what: string; readonly withinMs: number },
  leaving: Promise<void>,
): Promise<void> {
  const timer = clock.after(withinMs, () =>
    channel.abort(
      new ShoalError('deadline-passed', `${channel.remotePeer} took no ${what} for ${withinMs} ms`),
    ),
  )
  try {
    await leaving
  } finally {
    timer.cancel()
  }
}
