import type { ModelConfig, NumericProfile } from '@shoal/model'
import { declareAttentionInputs, declareZeroRows } from './attention.ts'
import { createGraphBuilder } from './graph-builder.ts'
import type { WeightedGraph, WeightSource } from './linear.ts'
import { encodeModel } from './model-proto.ts'
import type { Residual } from './norm.ts'
import { appendAttention, appendFeedForward, hiddenInput } from './span-graph.ts'

/** What this rank's share of the half-block adds. */
export const partialOutput = 'partial-out'

export const halves = ['attention', 'feed-forward'] as const
export type Half = (typeof halves)[number]

export interface HalfRequest {
  /** As the rank sees it (`shareConfig`). */
  readonly config: ModelConfig
  readonly profile: NumericProfile
  readonly block: number
  readonly half: Half
  /** Of the rank's share. */
  readonly weights: WeightSource
}

/**
 * The bytes of an ONNX model for a rank's half of one block, in the canonical form: the same functions that make whole
 * blocks, cut where the ranks' partial sums must meet.
 *
 * Whoever runs it adds the sum of all partial rows to the residual stream, one float32 addition as the norm inside a whole
 * block makes it, so every rank has the same stream and a group of one rank has the bits of no group. (An output costs an
 * array in the collector's heap, which the Node binding makes for each; so the stream does not leave the graph.)
 *
 * Inputs: `hidden-in` `[rows, hiddenSize]`; for attention those of a span. Outputs: `partial-out` `[rows, hiddenSize]`; new
 * keys and values.
 */
export function halfGraph({ config, profile, block, half, weights }: HalfRequest): Uint8Array {
  const builder = createGraphBuilder()
  const graph: WeightedGraph = { builder, weights, profile }
  const shape = ['rows', config.hiddenSize]
  const residual: Residual = { hidden: builder.input(hiddenInput, 'float32', shape), branch: null }
  if (half === 'attention') {
    declareAttentionInputs(graph, config)
    declareZeroRows(graph, config)
  }
  const { branch } =
    half === 'attention'
      ? appendAttention(graph, config, block, residual)
      : appendFeedForward(graph, config, block, residual)
  if (branch === null) throw new Error('a half-block adds something')
  builder.output(branch, partialOutput, 'float32', shape)
  return encodeModel(builder.build())
}
