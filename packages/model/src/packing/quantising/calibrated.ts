import { firstNotFinite } from './quantise.ts'
import { kernelValuesMax, roundingKernel } from './wasm/rounding-kernel.ts'

/** Columns within which the errors of rounding are compensated: those of one block. */
export const feedbackColumns = 128

/**
 * What inputs of a matrix look like: for each group of 128 columns, the last one filled up with zeros, the sum of `x xᵀ`
 * over the inputs `x`, row-major `[128, 128]`.
 */
export type InputSums = readonly Float64Array[]

/** What calibration knows of the 128 columns of a group. */
export interface GroupFeedback {
  /** How much of the error at each column the columns behind it take over: float32 `[128, 128]`, zero up to the diagonal. */
  readonly factors: Float32Array
  /** What the square of an error at a column counts when the scale of a block is chosen; 1 on average. */
  readonly importance: Float32Array
  /** The damped sums, `[128, 128]`; null where there were no inputs. */
  readonly sums: Float64Array | null
}

/**
 * Error feedback within a group (Frantar et al., GPTQ, arXiv 2210.17323): `factors` are `U[i][j] / U[i][i]` for the upper
 * triangular `U` with `Uᵀ U = (sums + damping)⁻¹`. The importance of a column grows
 * with the root mean square of its inputs; with their mean square, or the diagonal of `U`, results were worse.
 */
export function groupFeedback(sums: Float64Array): GroupFeedback {
  const size = feedbackColumns
  const damped = Float64Array.from(sums)
  const diagonal = Array.from({ length: size }, (_, i) => sums[i * size + i] as number)
  const live = diagonal.filter((value) => value > 0)
  const damping = (0.01 * live.reduce((total, value) => total + value, 0)) / Math.max(1, live.length)
  // Columns without any input (padding, say) are rounded by themselves.
  for (let i = 0; i < size; i++) damped[i * size + i] = diagonal[i]! > 0 ? diagonal[i]! + damping : 1
  const lower = choleskyLower(inverseOf(choleskyLower(damped, size), size), size)
  const factors = new Float32Array(size * size)
  for (let i = 0; i < size; i++)
    for (let j = i + 1; j < size; j++)
      factors[i * size + j] = (lower[j * size + i] as number) / (lower[i * size + i] as number)
  return { factors, importance: importanceOf(diagonal), sums: live.length === 0 ? null : damped }
}

/** A column without inputs (padding, say) counts nothing, unless there are no inputs at all. */
function importanceOf(squares: readonly number[]): Float32Array {
  const roots = squares.map((square) => Math.sqrt(Math.max(0, square)))
  const sum = roots.reduce((total, root) => total + root, 0)
  const live = roots.filter((root) => root > 0).length
  return Float32Array.from(roots, (root) => (sum > 0 ? (root * live) / sum : 1))
}

/** The lower triangular `L` with `L Lᵀ = matrix`. */
function choleskyLower(matrix: Float64Array, size: number): Float64Array {
  const lower = new Float64Array(size * size)
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * size + j] as number
      for (let k = 0; k < j; k++) sum -= (lower[i * size + k] as number) * (lower[j * size + k] as number)
      lower[i * size + j] = i === j ? Math.sqrt(sum) : sum / (lower[j * size + j] as number)
    }
  }
  return lower
}

/** `(L Lᵀ)⁻¹ = L⁻ᵀ L⁻¹`. */
function inverseOf(lower: Float64Array, size: number): Float64Array {
  const inverse = new Float64Array(size * size)
  for (let column = 0; column < size; column++) {
    for (let i = column; i < size; i++) {
      let sum = i === column ? 1 : 0
      for (let k = column; k < i; k++)
        sum -= (lower[i * size + k] as number) * (inverse[k * size + column] as number)
      inverse[i * size + column] = sum / (lower[i * size + i] as number)
    }
  }
  const product = new Float64Array(size * size)
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0
      for (let k = i; k < size; k++)
        sum += (inverse[k * size + i] as number) * (inverse[k * size + j] as number)
      product[i * size + j] = sum
      product[j * size + i] = sum
    }
  }
  return product
}

/**
 * As `quantiseLeastError` in blocks of 128, but the error of rounding one weight is compensated by the weights behind
 * it in its block. The scale of a block is that of its weights before, with errors counted by the importance of their
 * columns.
 *
 * @param feedback for each group of 128 columns ({@link groupFeedback})
 * @returns index of the first value found that is not finite, or -1
 */
export function quantiseCalibrated(
  values: Float32Array,
  columns: number,
  feedback: readonly GroupFeedback[],
  weight: Uint8Array,
  scale: Float32Array,
): number {
  const kernel = roundingKernel()
  const size = feedbackColumns
  const rows = values.length / columns
  const batch = kernelValuesMax / size
  for (const [group, own] of feedback.entries()) {
    kernel.feedback.set(own.factors)
    kernel.importance.set(own.importance)
    const from = group * size
    const length = Math.min(size, columns - from)
    for (let first = 0; first < rows; first += batch) {
      const count = Math.min(batch, rows - first)
      kernel.values.fill(0, 0, count * size)
      for (let row = 0; row < count; row++) {
        const start = (first + row) * columns + from
        kernel.values.set(values.subarray(start, start + length), row * size)
      }
      if (kernel.round(count, size, true) < count) return firstNotFinite(values)
      for (let row = 0; row < count; row++) {
        const block = (first + row) * feedback.length + group
        const codes = kernel.codes.subarray((row * size) / 2, ((row + 1) * size) / 2)
        weight.set(codes, (block * size) / 2)
        scale[block] = kernel.scales[row] as number
      }
    }
  }
  return -1
}
