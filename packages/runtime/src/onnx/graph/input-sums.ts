import type { GraphBuilder } from './graph-builder.ts'
import type { WeightedGraph } from './linear.ts'

/** Columns of a matrix that calibrated rounding treats together. */
const groupColumns = 128

/** The output with the sums of the matrix `name` (`block-3.qkv`). */
export function inputSumsName(name: string): string {
  return `input-sums.${name}`
}

/**
 * Adds, for each matrix, an output: for each group of 128 columns of its input `x`, filled up with zeros, the product `xᵀ x`
 * over all rows, float32 `[groups · 128, 128]`.
 */
export function inputSums(builder: GraphBuilder): NonNullable<WeightedGraph['observe']> {
  const axis = (): string => builder.integers('input-sums.axis', [1])
  return (name, x, columns) => {
    const groups = Math.ceil(columns / groupColumns)
    const missing = groups * groupColumns - columns
    const filled =
      missing === 0
        ? x
        : builder.node('Pad', [x, builder.integers(`input-sums.pad-${missing}`, [0, 0, 0, missing])])
    const products = Array.from({ length: groups }, (_, group) => {
      const bound = (at: number): string => builder.integers(`input-sums.column-${at}`, [at * groupColumns])
      const part = builder.node('Slice', [filled, bound(group), bound(group + 1), axis()])
      return builder.node('Gemm', [part, part], { transA: 1 })
    })
    const all = builder.node('Concat', products, { axis: 0 })
    builder.output(all, inputSumsName(name), 'float32', [groups * groupColumns, groupColumns])
  }
}
