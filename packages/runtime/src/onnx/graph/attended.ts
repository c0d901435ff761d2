import type { BlockSpec } from '@shoal/model'
import { attention } from './attention.ts'
import { convolution } from './convolution.ts'
import type { WeightedGraph } from './linear.ts'

/**
 * What a block makes of its projections and the rows before: attention, or a short convolution.
 * @param projected `[rows, q | k | v]`
 * @returns `[rows, H · headSize]`
 */
export function attendedHeads(
  graph: WeightedGraph,
  spec: BlockSpec,
  block: number,
  projected: string,
): string {
  const { convolution: short } = spec.attention
  return short === undefined
    ? attention(graph, spec, block, projected)
    : convolution(graph, spec, short, block, projected)
}
