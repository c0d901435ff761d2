import { messageOf, ShoalError, type Logger } from '@shoal/host'
import type { IndexRange } from '@shoal/model'
import type { Formation } from '../runner/formation.ts'
import { groupLimits } from '../limits.ts'

/**
 * The logits of parts of the vocabulary, computed by a group's members: whoever leads a group that ends with the last
 * block, and draws the tokens, waits for the head as long as for several blocks. A member can do nothing with the rows
 * that it cannot do with its own, which are the same.
 */
export interface GroupHead {
  /** Parts by rank, null for none; the leader's own is not asked for. Members load them while sessions go on. */
  share(parts: readonly (IndexRange | null)[]): void
  /**
   * @param hidden float32 `[rows, hiddenSize]`, copied before this returns
   * @returns float32 `[rows, end - start]` of the rank's part; null when it has none now. It fails when the rank does not
   *   answer, or with something else, and then the rank is not asked again until the group is formed anew.
   */
  logits(rank: number, hidden: Float32Array): Promise<Float32Array> | null
}

/** @param trusted whether a rank's logits have the bits that the leader's would: it is of the leader's numeric class */
export function createGroupHead(
  logger: Logger,
  hiddenSize: number,
  trusted: (rank: number, formation: Formation) => boolean,
): GroupHead & { formed(formation: Formation): void } {
  let parts: readonly (IndexRange | null)[] = []
  let current: Formation | null = null
  let ready = new Set<number>()

  const load = (formation: Formation): void => {
    const loaded = (ready = new Set<number>())
    for (const [rank, part] of parts.entries()) {
      if (rank === 0 || part === null || !trusted(rank, formation)) continue
      formation.loadHead(rank, part).then(
        () => loaded.add(rank),
        (error: unknown) => logger.info('no-head-part', { rank, reason: messageOf(error) }),
      )
    }
  }
  return {
    formed(formation) {
      current = formation
      load(formation)
    },
    share(wanted) {
      parts = wanted
      if (current !== null) load(current)
    },
    logits(rank, hidden) {
      const asked = ready
      const part = parts[rank] ?? null
      if (
        current === null ||
        part === null ||
        !asked.has(rank) ||
        hidden.length > groupLimits.headRowsMax * hiddenSize
      )
        return null
      return answered(
        current.logits(rank, hidden),
        rank,
        (hidden.length / hiddenSize) * (part.end - part.start),
      ).catch((error: unknown) => {
        asked.delete(rank)
        throw error
      })
    },
  }
}

async function answered(answer: Promise<Float32Array>, rank: number, values: number): Promise<Float32Array> {
  const logits = await answer
  if (logits.length !== values)
    throw new ShoalError(
      'bad-frame',
      `rank ${rank} answered with ${logits.length} logits, ${values} were asked for`,
    )
  return logits
}
