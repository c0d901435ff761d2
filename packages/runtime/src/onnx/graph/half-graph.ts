import type { BlockSpec, NumericProfile } from '@shoal/model'
import { declareAttentionInputs, declareZeroRows } from './attention.ts'
import { halfBranch, halfInput, postNorm, type Half } from './block.ts'
import { createGraphBuilder } from './graph-builder.ts'
import type { WeightedGraph, WeightSource } from './linear.ts'
import { encodeModel } from './model-proto.ts'
import { hiddenInput } from './span-graph.ts'

/** Output: what this rank's share of the half-block adds to the residual stream. */
export const partialOutput = 'partial-out'

/**
 * What a rank computes of a half: `partial` is its part of the branch. `post-norm` is the norm of the whole branch,
 * computed from the sum of all parts in blocks that normalise branches.
 */
export type HalfStage = 'partial' | 'post-norm'

export interface HalfRequest {
  /** The block as the rank sees it (`shareSpec`). */
  readonly spec: BlockSpec
  readonly profile: NumericProfile
  /** Index in the model. */
  readonly block: number
  readonly half: Half
  readonly stage: HalfStage
  /** Weights of the rank's share. */
  readonly weights: WeightSource
}

/**
 * The bytes of an ONNX model for a rank's half of one block, in the canonical form: the same functions that make whole
 * blocks, cut where the ranks' partial sums must meet.
 *
 * The caller adds the sum of all partial rows to the residual stream, in one float32 addition as the norm inside a whole
 * block makes it. So every rank has the same stream, and a group of one rank computes the bits of a single peer. The stream is no
 * output of the graph, because the Node binding allocates an array on the collector's heap for each output.
 *
 * Inputs: `hidden-in` `[rows, hiddenSize]`; for attention those of a span. Outputs: `partial-out` `[rows, hiddenSize]`;
 * for attention the new keys and values.
 */
export function halfGraph({ spec, profile, block, half, stage, weights }: HalfRequest): Uint8Array {
  const builder = createGraphBuilder()
  const graph: WeightedGraph = { builder, weights, profile }
  const shape = ['rows', spec.hiddenSize]
  const hidden = builder.input(hiddenInput, 'float32', shape)
  const computed =
    stage === 'post-norm'
      ? postNorm(graph, spec, block, half, hidden)
      : partialBranch(graph, spec, block, half, hidden)
  builder.output(computed, partialOutput, 'float32', shape)
  return encodeModel(builder.build())
}

function partialBranch(
  graph: WeightedGraph,
  spec: BlockSpec,
  block: number,
  half: Half,
  hidden: string,
): string {
  if (half === 'attention') {
    declareAttentionInputs(graph, spec.attention)
    declareZeroRows(graph, spec.attention)
  }
  const { normed } = halfInput(graph, spec, block, half, { hidden, branch: null })
  return halfBranch(graph, spec, block, half, normed)
}
