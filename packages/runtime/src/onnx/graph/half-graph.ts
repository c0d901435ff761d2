import type { BlockSpec, NumericProfile } from '@shoal/model'
import { declareAttentionInputs, declareZeroRows } from './attention.ts'
import { createGraphBuilder } from './graph-builder.ts'
import type { WeightedGraph, WeightSource } from './linear.ts'
import { encodeModel } from './model-proto.ts'
import type { Residual } from './norm.ts'
import { appendAttention, appendFeedForward, hiddenInput } from './span-graph.ts'

/** Output: what this rank's share of the half-block adds to the residual stream. */
export const partialOutput = 'partial-out'

export const halves = ['attention', 'feed-forward'] as const
export type Half = (typeof halves)[number]

export interface HalfRequest {
  /** The block as the rank sees it (`shareSpec`). */
  readonly spec: BlockSpec
  readonly profile: NumericProfile
  /** Index in the model. */
  readonly block: number
  readonly half: Half
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
export function halfGraph({ spec, profile, block, half, weights }: HalfRequest): Uint8Array {
  const builder = createGraphBuilder()
  const graph: WeightedGraph = { builder, weights, profile }
  const shape = ['rows', spec.hiddenSize]
  const residual: Residual = { hidden: builder.input(hiddenInput, 'float32', shape), branch: null }
  if (half === 'attention') {
    declareAttentionInputs(graph, spec.attention)
    declareZeroRows(graph, spec.attention)
  }
  const { branch } =
    half === 'attention'
      ? appendAttention(graph, spec, block, residual)
      : appendFeedForward(graph, spec, block, residual)
  if (branch === null) throw new Error('a half-block left no branch to output')
  builder.output(branch, partialOutput, 'float32', shape)
  return encodeModel(builder.build())
}
