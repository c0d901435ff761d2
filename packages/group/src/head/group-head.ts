import { messageOf, ShoalError, type Logger } from '@shoal/host'
import type { IndexRange } from '@shoal/model'
import type { Formation } from '../forming/formation.ts'
import { groupLimits } from '../limits.ts'

/**
 * The head of a model, shared by the members of a group. A leader that is also the coordinator, and whose group computes the
 * last block, would wait for the head as long as for several blocks, so each member computes the logits of a part of the
 * vocabulary. Members learn nothing by that: they have the same rows at the end of the last block.
 */
export interface GroupHead {
  /** Assigns parts of the vocabulary by rank, null for none; the leader's own part is ignored. Members load them while sessions go on. */
  share(parts: readonly (IndexRange | null)[]): void
  /**
   * @param hidden float32 `[rows, hiddenSize]`, copied before this returns
   * @returns float32 `[rows, end - start]` of the rank's part; null when the rank has no part at present. It rejects when
   *   the rank does not answer or answers with the wrong size. Such a rank is not asked again until the group is formed
   *   again.
   */
  logits(rank: number, hidden: Float32Array): Promise<Float32Array> | null
}

/** @param trusted whether a rank is of the leader's numeric class, so that its logits have the bits that the leader's would have */
export function createGroupHead(
  logger: Logger,
  hiddenSize: number,
  trusted: (rank: number, formation: Formation) => boolean,
): GroupHead & { formed(formation: Formation): void } {
  let parts: readonly (IndexRange | null)[] = []
  let current: Formation | null = null
  /** Ranks that have loaded their parts. */
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
