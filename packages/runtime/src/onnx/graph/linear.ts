import { formatOf, type NumericProfile, type PackedType } from '@shoal/model'
import { matrixShapes, weightBits } from '../../tensors/weights.ts'
import type { GraphBuilder } from './graph-builder.ts'
import type { ConstantData } from './model-proto.ts'

/** Where the bytes of a packed tensor come from: a unit's file, or (in probes) memory. */
export type WeightSource = (name: string, type: PackedType, shape: readonly number[]) => ConstantData

export interface WeightedGraph {
  readonly builder: GraphBuilder
  readonly weights: WeightSource
  readonly profile: NumericProfile
  /** Called with the input of every matrix: calibration adds outputs with sums over it. */
  readonly observe?: (name: string, x: string, columns: number) => void
}

/** Declares a float32 vector of the packed model. */
export function vector({ builder, weights }: WeightedGraph, name: string, length: number): string {
  return builder.constant({ name, type: 'float32', shape: [length], data: weights(name, 'f32', [length]) })
}

/**
 * `x [rows, columns] · Wᵀ (+ bias)` with the packed matrix `name` = `[outputs, columns]`, as packing lays it out.
 *
 * The bias belongs to the operator: at accuracy level 4 a separate Add gives other bits (docs/numerics.md).
 */
export function linear(
  graph: WeightedGraph,
  x: string,
  name: string,
  outputs: number,
  columns: number,
  bias?: string,
): string {
  const { builder, weights, profile } = graph
  graph.observe?.(name, x, columns)
  const format = formatOf(profile, name)
  const shapes = matrixShapes(format, outputs, columns)
  const declare = (part: string, type: PackedType, shape: readonly number[]): string =>
    builder.constant({
      name: `${name}.${part}`,
      type: type === 'f32' ? 'float32' : 'uint8',
      shape,
      data: weights(`${name}.${part}`, type, shape),
    })
  if (shapes.scale === null) {
    const weight = declare('weight', 'f32', shapes.weight)
    return builder.node('Gemm', bias === undefined ? [x, weight] : [x, weight, bias], { transB: 1 })
  }
  const quantised = [x, declare('weight', 'u8', shapes.weight), declare('scale', 'f32', shapes.scale)]
  // Inputs 3 and 4 (zero points, group index) stay empty: packing is symmetric.
  const inputs = bias === undefined ? quantised : [...quantised, '', '', bias]
  const product = builder.contrib('MatMulNBits', inputs, {
    K: columns,
    N: outputs,
    bits: weightBits(format),
    block_size: format.blockSize,
    accuracy_level: format.accuracyLevel,
  })
  if (shapes.offset === null) return product
  const offsets = declare('offset', 'f32', shapes.offset)
  return builder.node('Gemm', [blockSums(graph, x, columns, format.blockSize), offsets, product], {
    transB: 1,
  })
}

/**
 * The sums of the inputs of each block, `[rows, blocks]`: a number that is added to all weights of a block adds its product
 * with that sum. So the sum is that of the float32 inputs, while MatMulNBits rounds them to int8.
 */
function blockSums({ builder }: WeightedGraph, x: string, columns: number, blockSize: number): string {
  const blocks = Math.ceil(columns / blockSize)
  const missing = blocks * blockSize - columns
  const filled =
    missing === 0
      ? x
      : builder.node('Pad', [x, builder.integers(`block-sums.pad-${missing}`, [0, 0, 0, missing])])
  const shape = builder.integers(`block-sums.shape-${blocks}`, [-1, blocks, blockSize])
  const grouped = builder.node('Reshape', [filled, shape])
  return builder.node('ReduceSum', [grouped, builder.integers('block-sums.axis', [2])], { keepdims: 0 })
}
