import type { SnapshotMember } from '@shoal/membership'
import type { ModelCosts } from '../costs/costs.ts'
import { bytesPerSecond, rttMicros } from '../costs/links.ts'

/**
 * Work of both ends for a sum, beside the travel time and the bytes: passing rows from the compute thread to the main
 * thread, encrypting, sending and adding them, and waking the compute thread again. Medians of a trace inside tokens on two
 * shared cores (docs/log.md). Means were twice as long, because there a thread that wakes waits for one that computes.
 */
const sumHandlingMicros = 170

/**
 * How much later the slower rank's part arrives. Shares are only as equal as the split can make them, and in every sum all
 * ranks wait for the slowest. This is what remains of the 0.5 ms that a sum takes inside a token over loopback.
 */
const sumLatenessMicros = 280

/** Fixed part of a sum's time. Below 1 ms of round trip it decides whether a group pays off. */
export const sumOverheadMicros = sumHandlingMicros + sumLatenessMicros

/** Each block has one sum behind attention and one behind the feed-forward network. */
export const sumsPerBlock = 2

/** Time of all exchanges of one block: two sums of a row, or the outputs of the experts that compute it. */
export function blockSumMicros(members: readonly SnapshotMember[], costs: ModelCosts): number {
  return costs.activeExperts === undefined
    ? sumsPerBlock * sumMicros(members, costs)
    : sumMicros(members, { ...costs, rowBytes: costs.activeExperts * costs.rowBytes })
}

/** Time of one all-gather sum over these peers: each sends its part to all others, and the slowest pair counts. */
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
