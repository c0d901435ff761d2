import type { SnapshotMember } from '@shoal/membership'
import type { ModelCosts } from './costs.ts'
import { bytesPerSecond, rttMicros } from './links.ts'

/**
 * What both ends do for a sum beside its way and its bytes: from the compute thread to the main one, encrypting and
 * sending, adding, and back, where the way back wakes a thread that sleeps. Medians of a trace inside tokens, on two
 * shared cores (docs/log.md); means were twice as long, because there a thread that wakes waits for one that computes.
 */
const sumHandlingMicros = 170

/**
 * How much later the slower rank's part comes: shares are as equal as the split can make them, and both wait for the
 * other in every sum. What is left of the 0.5 ms that a sum takes inside a token over loopback.
 */
const sumLatenessMicros = 280

/** A sum's time beside its way and its bytes. It decides where groups stop to pay below 1 ms of round trip. */
export const sumOverheadMicros = sumHandlingMicros + sumLatenessMicros

/** Each block needs a sum behind attention and one behind the feed-forward network. */
export const sumsPerBlock = 2

/** One sum over these peers: everybody sends its part to everybody, the slowest pair counts. */
export function sumMicros(members: readonly SnapshotMember[], costs: ModelCosts): number {
  const others = members.length - 1
  const pairs = members.flatMap((a, index) =>
    members
      .slice(index + 1)
      .map(
        (b) =>
          Math.ceil(rttMicros(a, b) / 2) +
          Math.ceil((costs.rowBytes * others * 1_000_000) / bytesPerSecond(a, b)),
      ),
  )
  return others === 0 ? 0 : sumOverheadMicros + Math.max(...pairs)
}
