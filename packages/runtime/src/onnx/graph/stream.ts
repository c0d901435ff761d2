import type { WeightedGraph } from './linear.ts'
import type { Residual } from './norm.ts'

/** The residual stream with its branch added. */
export function closed({ builder }: WeightedGraph, { hidden, branch }: Residual): string {
  return branch === null ? hidden : builder.node('Add', [hidden, branch])
}

/** Values times a factor of the model. */
export function scaled({ builder }: WeightedGraph, values: string, factor: number): string {
  if (factor === 1) return values
  const bytes = new Uint8Array(Float32Array.of(factor).buffer)
  const name = builder.constant({ name: `factor-${factor}`, type: 'float32', shape: [1], data: { bytes } })
  return builder.node('Mul', [values, name])
}
