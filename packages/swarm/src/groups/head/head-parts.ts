import type { Clock } from '@shoal/host'
import type { IndexRange } from '@shoal/model'
import type { Device, HeadRunner } from '@shoal/runtime'
import type { GroupRunner } from '@shoal/group'

/** A part of the vocabulary. The leader loads all parts, since the rank that computes one may go away. */
export interface HeadPart {
  readonly rank: number
  readonly vocabulary: IndexRange
  readonly head: HeadRunner
  /** Milliseconds for one row on this node. */
  readonly ms: number
}

/**
 * Loads and times one part for each rank.
 * @throws errors of loading; the parts loaded before are released
 */
export async function loadHeadParts(
  clock: Pick<Clock, 'nowMs'>,
  device: Pick<Device, 'loadHead'>,
  split: readonly IndexRange[],
  hiddenSize: number,
): Promise<readonly HeadPart[]> {
  const parts: HeadPart[] = []
  let head: HeadRunner | null = null
  try {
    for (const [rank, vocabulary] of split.entries()) {
      head = await device.loadHead(vocabulary)
      parts.push({ rank, vocabulary, head, ms: await timeHead(clock, head, hiddenSize) })
      head = null
    }
    return parts
  } catch (error) {
    await head?.release()
    for (const part of parts) await part.head.release()
    throw error
  }
}

/** Milliseconds for one row: the second of two, because the first one touches the weights for the first time. */
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
 * Whether a rank should be asked for its part: its answer must come in less than half the time that this node would
 * compute the part. Over a slow link, half a megabyte of logits takes longer than the head.
 */
export function isWorthAsking(
  { vocabulary, ms }: Pick<HeadPart, 'vocabulary' | 'ms'>,
  hiddenSize: number,
  { roundTripMs, msPerByte }: GroupRunner['costs'],
): boolean {
  const bytes = Float32Array.BYTES_PER_ELEMENT * (hiddenSize + vocabulary.end - vocabulary.start)
  return ms > 2 * (roundTripMs + 2 * bytes * msPerByte)
}
