import type { ComputeTurns } from './compute-turns.ts'

/** Rows of one step, and how the runner computes some of them. */
export interface StepRows {
  /** float32 `[rows, columns]` */
  readonly hidden: Float32Array
  readonly rows: number
  readonly position: number
  /** Computes rows that follow those computed before. */
  readonly forward: (position: number, hidden: Float32Array) => Promise<Float32Array>
}

/**
 * Computes the rows of a step: at once while their owner has the runner to itself, else in pieces, between which other
 * owners have their turns. A prefill of 512 rows takes as long as hundreds of tokens of somebody else's answer. Results
 * are the same bit by bit however rows are cut (docs/numerics.md).
 */
export async function computeInPieces(
  turns: ComputeTurns,
  owner: string,
  { hidden, rows, position, forward }: StepRows,
): Promise<Float32Array> {
  const columns = hidden.length / rows
  let output: Float32Array | null = null
  for (let done = 0; done < rows;) {
    const piece = Math.min(rows - done, turns.pieceRows(owner))
    const from = done
    const computed = await turns.run(owner, piece, () =>
      forward(position + from, hidden.subarray(from * columns, (from + piece) * columns)),
    )
    if (piece === rows) return computed
    output ??= new Float32Array(hidden.length)
    output.set(computed, from * columns)
    done += piece
  }
  return output ?? new Float32Array(0)
}
