/**
 * What the host must do to a call's rows so that a row's bits do not depend on how many came with it (rule R3):
 * nothing; make a single row two; or make the count even. Extra rows are copies of the last one and are dropped.
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
