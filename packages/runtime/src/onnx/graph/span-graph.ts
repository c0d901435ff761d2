import type { AttentionSpec, BlockSpec, ModelConfig, NumericProfile } from '@shoal/model'
import type { Span } from '../../span.ts'
import { denseOf } from '../../support.ts'
import { attention, declareAttentionInputs, declareZeroRows } from './attention.ts'
import { createGraphBuilder } from './graph-builder.ts'
import { inputSums } from './input-sums.ts'
import { linear, vector, type WeightedGraph, type WeightSource } from './linear.ts'
import { encodeModel } from './model-proto.ts'
import { norm, type Residual } from './norm.ts'

/** Part of the numeric class: raise it whenever a change here may change a bit. */
export const generatorVersion = 1

export const hiddenInput = 'hidden-in'
export const hiddenOutput = 'hidden-out'
export const logitsOutput = 'logits'

/** The projection from the residual stream to logits. */
export type HeadSpec = Pick<ModelConfig, 'hiddenSize' | 'normEpsilon' | 'vocabularySize' | 'tiedEmbeddings'>

/** What a graph computes: the blocks of a span (`noBlocks` for none), and with `head` the head behind them. */
export interface SpanRequest {
  readonly span: Span
  readonly profile: NumericProfile
  readonly head: HeadSpec | null
  readonly weights: WeightSource
  /** Adds an output for each matrix of the blocks: the sums of products of its inputs (`input-sums.ts`). */
  readonly withInputSums?: boolean
}

/** The span of a graph that has a head only. */
export const noBlocks: Span = { range: { start: 0, end: 0 }, blocks: [] }

/**
 * The bytes of an ONNX model for a span, in the canonical form of docs/numerics.md.
 *
 * Rows are two-dimensional throughout, `[rows, width]`: there is no batch, because each session has its own cache.
 * Inputs: `hidden-in`, and for blocks those of `attentionInputs` and past keys and values.
 * Outputs: `hidden-out` `[rows, hiddenSize]`, or `logits` `[rows, vocabularySize]` with the head; new keys and values.
 *
 * The blocks of one graph must agree in their heads and their rotary embedding, whose tables are inputs of the graph; a
 * device makes a graph for each block, so the blocks of a model need not.
 */
export function spanGraph({ span, profile, head, weights, withInputSums }: SpanRequest): Uint8Array {
  const builder = createGraphBuilder()
  const graph: WeightedGraph = {
    builder,
    weights,
    profile,
    ...(withInputSums === true && { observe: inputSums(builder) }),
  }
  const hiddenSize = span.blocks[0]?.hiddenSize ?? head?.hiddenSize
  if (hiddenSize === undefined) throw new Error('a graph needs blocks, a head or both')
  let residual: Residual = {
    hidden: builder.input(hiddenInput, 'float32', ['rows', hiddenSize]),
    branch: null,
  }
  const shared = sharedAttention(span.blocks)
  if (shared !== null) {
    declareAttentionInputs(graph, shared)
    declareZeroRows(graph, shared)
  }
  for (const [index, spec] of span.blocks.entries())
    residual = appendBlock(graph, spec, span.range.start + index, residual)
  if (head !== null) appendHead(graph, head, residual)
  else builder.output(closed(graph, residual), hiddenOutput, 'float32', ['rows', hiddenSize])
  return encodeModel(builder.build())
}

/** What the blocks of a graph have in common; null without blocks. */
function sharedAttention(blocks: readonly BlockSpec[]): AttentionSpec | null {
  const [first, ...others] = blocks.map(({ attention }) => attention)
  if (first === undefined) return null
  const key = ({ headCount, keyValueHeadCount, headSize, rope }: AttentionSpec): string =>
    JSON.stringify([headCount, keyValueHeadCount, headSize, rope])
  if (others.some((other) => key(other) !== key(first)))
    throw new Error('the blocks of one graph must have the same heads and rotary embedding')
  return first
}

/** The residual stream with its branch added. */
function closed({ builder }: WeightedGraph, { hidden, branch }: Residual): string {
  return branch === null ? hidden : builder.node('Add', [hidden, branch])
}

/** Attention and feed-forward network, each behind its norm; the next norm adds the feed-forward branch. */
function appendBlock(graph: WeightedGraph, spec: BlockSpec, block: number, residual: Residual): Residual {
  return appendFeedForward(graph, spec, block, appendAttention(graph, spec, block, residual))
}

/** Norm and attention. What they add to the residual stream is left as its branch. @param block index in the model */
export function appendAttention(
  graph: WeightedGraph,
  spec: BlockSpec,
  block: number,
  residual: Residual,
): Residual {
  const { hiddenSize, normEpsilon } = spec
  const { headCount, keyValueHeadCount, headSize } = spec.attention
  const name = `block-${block}`
  const before = norm(graph, residual, vector(graph, `${name}.attention-norm`, hiddenSize), normEpsilon)
  const width = (headCount + 2 * keyValueHeadCount) * headSize
  const bias = spec.attention.bias ? vector(graph, `${name}.qkv.bias`, width) : undefined
  const qkv = linear(graph, before.normed, `${name}.qkv`, width, hiddenSize, bias)
  const attended = attention(graph, spec, block, qkv)
  return {
    hidden: before.sum,
    branch: linear(graph, attended, `${name}.output`, hiddenSize, headCount * headSize),
  }
}

/** Norm and feed-forward network. What they add to the residual stream is left as its branch. @param block index in the model */
export function appendFeedForward(
  graph: WeightedGraph,
  { hiddenSize, normEpsilon, feedForward }: BlockSpec,
  block: number,
  residual: Residual,
): Residual {
  const name = `block-${block}`
  const weight = vector(graph, `${name}.feed-forward-norm`, hiddenSize)
  const { normed, sum } = norm(graph, residual, weight, normEpsilon)
  return { hidden: sum, branch: swiglu(graph, `${name}.`, normed, hiddenSize, denseOf(feedForward).size) }
}

/**
 * SwiGLU: `down(silu(gate(x)) · up(x))`. QuickGelu with alpha 1 is silu in one operator.
 * @param prefix of the names of its matrices
 */
export function swiglu(
  graph: WeightedGraph,
  prefix: string,
  x: string,
  hiddenSize: number,
  size: number,
): string {
  const { builder } = graph
  const both = linear(graph, x, `${prefix}gate-up`, 2 * size, hiddenSize)
  const [gate = '', up = ''] = builder.nodes('Split', [both], ['gate', 'up'], { axis: 1, num_outputs: 2 })
  const active = builder.contrib('QuickGelu', [gate], { alpha: { float: 1 } })
  return linear(graph, builder.node('Mul', [active, up]), `${prefix}down`, hiddenSize, size)
}

function appendHead(graph: WeightedGraph, head: HeadSpec, residual: Residual): void {
  const { hiddenSize, vocabularySize, normEpsilon, tiedEmbeddings } = head
  const { normed } = norm(graph, residual, vector(graph, 'head.norm', hiddenSize), normEpsilon)
  const logits = linear(graph, normed, tiedEmbeddings ? 'embed' : 'head', vocabularySize, hiddenSize)
  graph.builder.output(logits, logitsOutput, 'float32', ['rows', vocabularySize])
}
