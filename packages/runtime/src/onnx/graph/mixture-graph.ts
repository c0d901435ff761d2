import type { BlockSpec, ExpertsSpec, IndexRange } from '@shoal/model'
import { appendHalf, halfInput } from './block.ts'
import { attendedRows, type BlockPartRequest } from './block-parts.ts'
import { routerWidth } from '../../experts/routing.ts'
import { expertNetwork, swiglu } from './feed-forward.ts'
import { createGraphBuilder } from './graph-builder.ts'
import { vector, type WeightedGraph } from './linear.ts'
import { encodeModel } from './model-proto.ts'
import { hiddenInput, hiddenOutput } from './span-graph.ts'

/** What goes into the experts: the residual stream behind the second norm, `[rows, hiddenSize]`. */
export const normedOutput = 'normed-out'
/** `[rows, experts]`, with one more column for the gate of the shared expert. */
export const routerOutput = 'router-out'
/** The output of the shared expert before its gate, `[rows, hiddenSize]`. */
export const sharedOutput = 'shared-out'

/** Rows sorted by expert, `[rows, hiddenSize]`. */
export const expertRowsInput = 'expert-rows-in'
/** int64 `[experts]`: how many of these rows each expert has; zero is allowed. */
export const expertCountsInput = 'expert-counts'
export const expertRowsOutput = 'expert-rows-out'

/**
 * The bytes of an ONNX model for all of a block that computes every row behind its attention: the second norm, the router and
 * the shared expert. The canonical form is that of whole dense blocks, whose functions make it.
 *
 * Inputs: those of `blockRestGraph`. Outputs: `hidden-out`, the residual stream behind attention; {@link normedOutput},
 * {@link routerOutput}, {@link sharedOutput} where there is such an expert.
 */
export function mixtureGraph({ spec, profile, block, weights }: BlockPartRequest): Uint8Array {
  const { hiddenSize } = spec
  const experts = expertsOf(spec)
  const { sharedSize } = experts
  const builder = createGraphBuilder()
  const graph: WeightedGraph = { builder, weights, profile }
  const shape = ['rows', hiddenSize]
  const hidden = builder.input(hiddenInput, 'float32', shape)
  const heads = attendedRows(graph, spec)
  const attended = appendHalf(graph, spec, block, 'attention', { hidden, branch: null }, () => heads)
  const name = `block-${block}`
  const { normed, sum } = halfInput(graph, spec, block, 'feed-forward', attended)
  builder.output(sum, hiddenOutput, 'float32', shape)
  builder.output(normed, normedOutput, 'float32', shape)
  const width = routerWidth(experts)
  builder.output(router(graph, name, normed, experts, hiddenSize), routerOutput, 'float32', ['rows', width])
  if (sharedSize !== null)
    builder.output(
      swiglu(graph, `${name}.shared-`, normed, hiddenSize, sharedSize),
      sharedOutput,
      'float32',
      shape,
    )
  return encodeModel(builder.build())
}

/** The router is float32 in every profile: a rounded logit would send a row to another expert. */
function router(
  graph: WeightedGraph,
  name: string,
  x: string,
  experts: ExpertsSpec,
  hiddenSize: number,
): string {
  const { builder, weights } = graph
  const { count, biased = false, grouped } = experts
  const corrected = grouped?.corrected === true
  const shape = [corrected ? routerWidth(experts) - count : routerWidth(experts), hiddenSize] as const
  const tensor = `${name}.router.weight`
  const weight = builder.constant({
    name: tensor,
    type: 'float32',
    shape,
    data: weights(tensor, 'f32', shape),
  })
  const bias = biased ? [vector(graph, `${name}.router.bias`, shape[0])] : []
  const logits = builder.node('Gemm', [x, weight, ...bias], { transB: 1 })
  if (!corrected) return logits
  // The numbers that correct scores leave the graph with every row, for the choice is made outside.
  const zeros = builder.node('Sub', [logits, logits])
  const corrections = builder.node('Add', [zeros, vector(graph, `${name}.router.correction`, count)])
  return builder.node('Concat', [logits, corrections], { axis: 1 })
}

/**
 * The bytes of an ONNX model for some experts of a block. Rows come sorted by expert, and leave in the same order; which
 * expert computes a row is decided outside, because a kernel may round a single row differently, and rows can be padded there.
 *
 * @param held numbers of the experts
 */
export function expertsGraph(
  { spec, profile, block, weights }: BlockPartRequest,
  held: IndexRange,
): Uint8Array {
  const { hiddenSize } = spec
  const experts = expertsOf(spec)
  const builder = createGraphBuilder()
  const graph: WeightedGraph = { builder, weights, profile }
  const shape = ['rows', hiddenSize]
  const count = held.end - held.start
  const rows = builder.input(expertRowsInput, 'float32', shape)
  const counts = builder.input(expertCountsInput, 'int64', [count])
  const names = Array.from({ length: count }, (_, index) => `rows-${index}`)
  const outputs = builder
    .nodes('Split', [rows, counts], names, { axis: 0 })
    .map((own, index) =>
      expertNetwork(graph, experts, `block-${block}-expert-${held.start + index}.`, own, hiddenSize),
    )
  builder.output(builder.node('Concat', outputs, { axis: 0 }), expertRowsOutput, 'float32', shape)
  return encodeModel(builder.build())
}

/** @throws for a dense block, of which there is no such graph */
export function expertsOf({ feedForward }: BlockSpec): ExpertsSpec {
  if (feedForward.kind === 'dense') throw new Error('a dense block has no experts')
  return feedForward
}
