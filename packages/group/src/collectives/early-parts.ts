import type { Part } from './exchange.ts'
import type { SumId } from './collective.ts'

/** A part of a sum that has not begun at this rank. */
export interface EarlyPart {
  readonly from: number
  readonly id: SumId
  readonly part: Part
}

/**
 * Most early parts. No rank that keeps to the protocol can be further ahead than the next sum, because the total of that
 * sum needs this rank's part. In a gather, all pieces of that sum may come early from every rank. Pieces have 32 to 128 KiB,
 * so {@link bytesMax} is usually reached first.
 */
const partsMax = 4096
/** Most bytes of early parts: those of seven other ranks of 256 rows at 8,192 columns. */
const bytesMax = 64 * 1024 * 1024

/** Parts that came before their sum began, within a limit on memory. */
export class EarlyParts {
  #parts: EarlyPart[] = []
  #bytes = 0

  get count(): number {
    return this.#parts.length
  }

  hasRoomFor(part: Part): boolean {
    return this.#parts.length < partsMax && this.#bytes + part.values.byteLength <= bytesMax
  }

  keep(early: EarlyPart): void {
    this.#parts.push(early)
    this.#bytes += early.part.values.byteLength
  }

  /** Removes and returns the parts of a sum, in the order in which they came. */
  take(id: SumId): readonly EarlyPart[] {
    // Usually there are no early parts at all, or only those of this sum.
    if (this.#parts.length === 0) return []
    const isDue = (one: EarlyPart): boolean => one.id.call === id.call && one.id.sum === id.sum
    const due = this.#parts.filter(isDue)
    this.#retain((one) => !isDue(one))
    return due
  }

  /** Drops the parts of all calls before this one. */
  dropBefore(call: number): void {
    this.#retain(({ id }) => id.call >= call)
  }

  clear(): void {
    this.#retain(() => false)
  }

  /** The rank whose parts use most of the limits: a rank that sends ahead without end must not take the room of the others. */
  greediest(): number {
    const used = new Map<number, number>()
    for (const { from, part } of this.#parts)
      used.set(from, (used.get(from) ?? 0) + 1 / partsMax + part.values.byteLength / bytesMax)
    return [...used].reduce((most, one) => (one[1] > most[1] ? one : most), [-1, 0])[0]
  }

  #retain(isKept: (one: EarlyPart) => boolean): void {
    this.#parts = this.#parts.filter(isKept)
    this.#bytes = this.#parts.reduce((sum, { part }) => sum + part.values.byteLength, 0)
  }
}
