/**
 * How a call's rows are padded so that the bits of a row do not depend on how many rows came with it (rule R3 of
 * docs/numerics.md): not at all, a single row to two, or to an even number. Extra rows are copies of the last one, and their
 * results are dropped. The list is in order of cost, the cheapest first.
 */
export const rowPaddings = ['none', 'one-becomes-two', 'even'] as const
export type RowPadding = (typeof rowPaddings)[number]

/** Rows to compute when `rows` are wanted. */
export function paddedRows(padding: RowPadding, rows: number): number {
  switch (padding) {
    case 'none':
      return rows
    case 'one-becomes-two':
      return Math.max(2, rows)
    case 'even':
      return rows + (rows % 2)
  }
}

/** @param hidden float32 `[rows, width]` @returns float32 `[paddedRows, width]`; `hidden` itself when nothing is to be added */
export function padRows(padding: RowPadding, hidden: Float32Array, rows: number): Float32Array {
  const count = paddedRows(padding, rows)
  if (count === rows) return hidden
  const width = hidden.length / rows
  const padded = new Float32Array(count * width)
  padded.set(hidden)
  for (let row = rows; row < count; row += 1) padded.copyWithin(row * width, (rows - 1) * width, rows * width)
  return padded
}
