import { projectedRows, type BlockSpec, type NumericProfile } from '@shoal/model'
import { declareAttentionInputs, declareZeroRows } from './attention.ts'
import { attendedHeads } from './attended.ts'
import { appendBlock, halfInput, projectedHeads } from './block.ts'
import { createGraphBuilder } from './graph-builder.ts'
import type { WeightedGraph, WeightSource } from './linear.ts'
import { encodeModel } from './model-proto.ts'
import { hiddenInput, hiddenOutput } from './span-graph.ts'
import { closed } from './stream.ts'

/** q, k and v side by side, `[rows, (H + 2·KV) · headSize]`. */
export const projectedInput = 'projected-in'
export const projectedOutput = 'projected-out'
/** What attention makes of them, `[rows, H · headSize]`. */
export const attendedInput = 'attended-in'
export const attendedOutput = 'attended-out'

export interface BlockPartRequest {
  readonly spec: BlockSpec
  readonly profile: NumericProfile
  /** Index in the model. */
  readonly block: number
  readonly weights: WeightSource
}

/**
 * A block is computed by three graphs, because a call has the rows of several sessions and each session has a KV cache of its
 * own (docs/batching.md): this one and `blockRestGraph` take all rows of a call, and `attentionGraph` those of one session. The
 * same functions make whole blocks (`spanGraph`), and the cuts change no bit: what crosses them is float32 in the graph too.
 *
 * Input: `hidden-in`. Output: {@link projectedOutput}.
 */
export function projectionGraph({ spec, profile, block, weights }: BlockPartRequest): Uint8Array {
  const graph = partGraph(profile, weights)
  const { builder } = graph
  const hidden = builder.input(hiddenInput, 'float32', ['rows', spec.hiddenSize])
  const { normed } = halfInput(graph, spec, block, 'attention', { hidden, branch: null })
  const projected = projectedHeads(graph, spec, block, normed)
  builder.output(projected, projectedOutput, 'float32', ['rows', projectedWidth(spec)])
  return encodeModel(builder.build())
}

/** Input: {@link projectedInput}, and those of a span's attention. Outputs: {@link attendedOutput}; new keys and values. */
export function attentionGraph({ spec, profile, block, weights }: BlockPartRequest): Uint8Array {
  const graph = partGraph(profile, weights)
  const { builder } = graph
  const projected = builder.input(projectedInput, 'float32', ['rows', projectedWidth(spec)])
  declareAttentionInputs(graph, spec.attention)
  declareZeroRows(graph, spec.attention)
  const attended = attendedHeads(graph, spec, block, projected)
  builder.output(attended, attendedOutput, 'float32', ['rows', attendedWidth(spec)])
  return encodeModel(builder.build())
}

/** All of a dense block behind its attention. Inputs: `hidden-in` (of the block), {@link attendedInput}. Output: `hidden-out`. */
export function blockRestGraph({ spec, profile, block, weights }: BlockPartRequest): Uint8Array {
  const graph = partGraph(profile, weights)
  const { builder } = graph
  const shape = ['rows', spec.hiddenSize]
  const hidden = builder.input(hiddenInput, 'float32', shape)
  const attended = attendedRows(graph, spec)
  const residual = appendBlock(graph, spec, block, { hidden, branch: null }, () => attended)
  builder.output(closed(graph, residual), hiddenOutput, 'float32', shape)
  return encodeModel(builder.build())
}

/** Declares {@link attendedInput}. */
export function attendedRows({ builder }: WeightedGraph, spec: BlockSpec): string {
  return builder.input(attendedInput, 'float32', ['rows', attendedWidth(spec)])
}

function partGraph(profile: NumericProfile, weights: WeightSource): WeightedGraph {
  return { builder: createGraphBuilder(), weights, profile }
}

function projectedWidth({ attention }: BlockSpec): number {
  return projectedRows(attention).reduce((sum, rows) => sum + rows, 0)
}

function attendedWidth({ attention: { headCount, headSize } }: BlockSpec): number {
  return headCount * headSize
}
