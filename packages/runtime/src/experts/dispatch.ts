import type { IndexRange } from '@shoal/model'
import { paddedRows, type RowPadding } from '../onnx/computers/row-padding.ts'
import type { Routing } from './routing.ts'

/** The rows of a call sorted by the expert that computes them. */
export interface Dispatch {
  /** Rows of each held expert, padding included. */
  readonly counts: readonly number[]
  /** By dispatched row, the row of the call that it is a copy of. */
  readonly rows: Int32Array
  /** By row and chosen expert, as in `Routing.experts`, the dispatched row; -1 where the expert is not held. */
  readonly places: Int32Array
}

/**
 * Sorts rows by expert. An expert's rows keep their order, and are padded as the rows of a whole call are, because an expert
 * sees as few of them as the router sends (rules R3 and R4 of docs/numerics.md).
 *
 * @param held the experts whose rows are wanted
 */
export function dispatchRows(
  { experts }: Routing,
  activeCount: number,
  held: IndexRange,
  padding: RowPadding,
): Dispatch {
  const wanted = Array.from({ length: held.end - held.start }, (): number[] => [])
  experts.forEach((expert, slot) => wanted[expert - held.start]?.push(slot))
  const counts = wanted.map(({ length }) => (length === 0 ? 0 : paddedRows(padding, length)))
  const rows = new Int32Array(counts.reduce((sum, count) => sum + count, 0))
  const places = new Int32Array(experts.length).fill(-1)
  let at = 0
  for (const [index, slots] of wanted.entries()) {
    const count = counts[index] ?? 0
    for (let place = 0; place < count; place += 1) {
      const slot = slots[Math.min(place, slots.length - 1)] ?? 0
      rows[at + place] = Math.floor(slot / activeCount)
      if (place < slots.length) places[slot] = at + place
    }
    at += count
  }
  return { counts, rows, places }
}

/** The rows of `values` that a dispatch names, one after the other. @param width columns of a row */
export function gatherRows(values: Float32Array, rows: Int32Array, width: number): Float32Array {
  const gathered = new Float32Array(rows.length * width)
  rows.forEach((row, index) => gathered.set(values.subarray(row * width, (row + 1) * width), index * width))
  return gathered
}
