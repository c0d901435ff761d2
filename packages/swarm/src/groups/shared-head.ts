import { freeMemory, type Clock } from '@shoal/host'
import type { IndexRange } from '@shoal/model'
import type { HeadRunner } from '@shoal/runtime'
import type { GroupHead, GroupRunner } from '@shoal/group'

/** A part of the vocabulary, loaded here: whoever else computes it may go away. */
export interface HeadPart {
  readonly rank: number
  readonly vocabulary: IndexRange
  readonly head: HeadRunner
  /** What it takes here, for one row. */
  readonly ms: number
}

export interface SharedHeadOptions {
  readonly hiddenSize: number
  readonly vocabularySize: number
  /** By rank, this node's own first; together all of the vocabulary. */
  readonly parts: readonly HeadPart[]
  /** Null while there is no group. */
  readonly group: () => GroupHead | null
}

/**
 * The head of whoever leads a group: each rank computes its part of the logits, this node its own, and what no rank
 * answers. The bits are those of one head, whoever has computed a part.
 */
export function createSharedHead({
  hiddenSize,
  vocabularySize,
  parts,
  group,
}: SharedHeadOptions): HeadRunner {
  /** @param place in the answer, where it may be written to at once */
  const logitsOf = async (
    { rank, head }: HeadPart,
    hidden: Float32Array,
    place: Float32Array<SharedArrayBuffer> | undefined,
  ): Promise<Float32Array> => {
    const asked = rank === 0 ? null : (group()?.logits(rank, hidden) ?? null)
    // Whatever a rank does not answer, or not with what was asked for, is computed here.
    return (await asked?.catch(() => null)) ?? head.logits(hidden, place)
  }
  return {
    async logits(hidden, into) {
      const rows = hidden.length / hiddenSize
      const whole: Float32Array =
        into?.subarray(0, rows * vocabularySize) ?? new Float32Array(rows * vocabularySize)
      // Ranks first: what this thread computes itself must not stand in front of what others are asked.
      const asked = parts.toReversed().map((part) => ({
        part,
        answer: logitsOf(
          part,
          hidden,
          rows === 1 ? into?.subarray(part.vocabulary.start, part.vocabulary.end) : undefined,
        ),
      }))
      const given = await Promise.allSettled(
        asked.map(
          async ({
            part: {
              vocabulary: { start, end },
            },
            answer,
          }) => {
            const logits = await answer
            if (logits.buffer === whole.buffer) return
            for (let row = 0; row < rows; row += 1)
              whole.set(
                logits.subarray(row * (end - start), (row + 1) * (end - start)),
                row * vocabularySize + start,
              )
            freeMemory(logits.buffer)
          },
        ),
      )
      // Not before all have come: a part that is late would be written into a place that is used for something else by then.
      for (const one of given) if (one.status === 'rejected') throw one.reason
      return whole
    },
    async release() {
      for (const { head } of parts) await head.release()
    },
  }
}

/** What one row takes in a loaded part: the second of two, as the first one touches its weights for the first time. */
export async function timeHead(
  clock: Pick<Clock, 'nowMs'>,
  head: HeadRunner,
  hiddenSize: number,
): Promise<number> {
  let ms = 0
  for (let count = 0; count < 2; count += 1) {
    const beganMs = clock.nowMs()
    await head.logits(new Float32Array(hiddenSize).fill(1))
    ms = clock.nowMs() - beganMs
  }
  return ms
}

/**
 * Whether a rank's part should be asked for: it must come well before this node would have computed it. Behind a slow link
 * half a megabyte of logits takes longer than the head.
 */
export function isWorthAsking(
  { vocabulary, ms }: Pick<HeadPart, 'vocabulary' | 'ms'>,
  hiddenSize: number,
  { roundTripMs, msPerByte }: GroupRunner['costs'],
): boolean {
  const bytes = Float32Array.BYTES_PER_ELEMENT * (hiddenSize + vocabulary.end - vocabulary.start)
  return ms > 2 * (roundTripMs + 2 * bytes * msPerByte)
}
