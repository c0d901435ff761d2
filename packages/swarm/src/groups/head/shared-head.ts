import { freeMemory } from '@shoal/host'
import type { HeadRunner } from '@shoal/runtime'
import type { GroupHead } from '@shoal/group'
import type { HeadPart } from './head-parts.ts'

export interface SharedHeadOptions {
  readonly hiddenSize: number
  readonly vocabularySize: number
  /** By rank, this node's own first; together they cover the vocabulary. */
  readonly parts: readonly HeadPart[]
  /** Null while there is no group. */
  readonly group: () => GroupHead | null
}

/**
 * The head of a group's leader. Each rank computes its part of the logits; the leader computes its own part and every part
 * that a rank does not answer. The bits are those of a head in one piece, whichever node computed a part.
 */
export function createSharedHead(options: SharedHeadOptions): HeadRunner {
  const { hiddenSize, vocabularySize, parts, group } = options
  /** @param place where this node may write the part directly; absent when the part's logits are not contiguous there */
  const partLogits = async (
    { rank, head }: HeadPart,
    hidden: Float32Array,
    place: Float32Array<SharedArrayBuffer> | undefined,
  ): Promise<Float32Array> => {
    const asked = rank === 0 ? null : (group()?.logits(rank, hidden) ?? null)
    return (await asked?.catch(() => null)) ?? head.logits(hidden, place)
  }
  return {
    async logits(hidden, into) {
      const rows = hidden.length / hiddenSize
      const whole: Float32Array =
        into?.subarray(0, rows * vocabularySize) ?? new Float32Array(rows * vocabularySize)
      // Ranks first: what this thread computes itself must not delay the questions to them.
      const answers = parts.toReversed().map((part) => {
        const { start, end } = part.vocabulary
        return { part, answer: partLogits(part, hidden, rows === 1 ? into?.subarray(start, end) : undefined) }
      })
      const outcomes = await Promise.allSettled(
        answers.map(async ({ part, answer }) => place(whole, vocabularySize, part, await answer)),
      )
      // Thrown only after all parts have come: a late part would be written to a buffer that has another use by then.
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
      return whole
    },
    async release() {
      for (const { head } of parts) await head.release()
    },
  }
}

/** Copies a part's logits, float32 `[rows, end - start]`, into `whole`, float32 `[rows, vocabularySize]`. */
function place(
  whole: Float32Array,
  vocabularySize: number,
  { vocabulary: { start, end } }: HeadPart,
  logits: Float32Array,
): void {
  // The part was written in place.
  if (logits.buffer === whole.buffer) return
  const columns = end - start
  for (let row = 0; row < whole.length / vocabularySize; row += 1)
    whole.set(logits.subarray(row * columns, (row + 1) * columns), row * vocabularySize + start)
  freeMemory(logits.buffer)
}
