import type { ModelConfig, NumericProfile } from '@shoal/model'
import { declareAttentionInputs, declareZeroRows } from './attention.ts'
import { createGraphBuilder } from './graph-builder.ts'
import type { WeightedGraph, WeightSource } from './linear.ts'
import { encodeModel } from './model-proto.ts'
import type { Residual } from './norm.ts'
import { appendAttention, appendFeedForward, hiddenInput, hiddenOutput } from './span-graph.ts'

/** The sum over all ranks of what the half-block before has added; zeros in front of the first one. */
export const branchInput = 'branch-in'
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
 * The norm adds the summed branch to the residual stream, as it does inside a whole block, so every rank has the same
 * stream and a group of one rank has the bits of no group.
 *
 * Inputs: `hidden-in` and `branch-in`, `[rows, hiddenSize]`; for attention those of a span. Outputs: `partial-out`, and
 * `hidden-out`, the stream behind the norm's addition; new keys and values.
 */
export function halfGraph({ config, profile, block, half, weights }: HalfRequest): Uint8Array {
  const builder = createGraphBuilder()
  const graph: WeightedGraph = { builder, weights, profile }
  const shape = ['rows', config.hiddenSize]
  const residual: Residual = { hidden: builder.input(hiddenInput, 'float32', shape), branch: builder.input(branchInput, 'float32', shape) }
  if (half === 'attention') {
    declareAttentionInputs(graph, config)
    declareZeroRows(graph, config)
  }
  const { hidden, branch } = half === 'attention' ? appendAttention(graph, config, block, residual) : appendFeedForward(graph, config, block, residual)
  if (branch === null) throw new Error('a half-block adds something')
  builder.output(branch, partialOutput, 'float32', shape)
  builder.output(hidden, hiddenOutput, 'float32', shape)
  return encodeModel(builder.build())
}
