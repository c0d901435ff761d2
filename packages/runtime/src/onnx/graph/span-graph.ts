import type { AttentionSpec, BlockSpec, HeadSpec, NumericProfile } from '@shoal/model'
import type { Span } from '../../span.ts'
import { appendBlock } from './block.ts'
import { declareAttentionInputs, declareZeroRows } from './attention.ts'
import { createGraphBuilder } from './graph-builder.ts'
import { inputSums } from './input-sums.ts'
import { linear, type WeightedGraph, type WeightSource } from './linear.ts'
import { encodeModel } from './model-proto.ts'
import { norm, type Residual } from './norm.ts'
import { closed, scaled } from './stream.ts'

/** Part of the numeric class: raise it whenever a change here may change a bit. */
export const generatorVersion = 1

export const hiddenInput = 'hidden-in'
export const hiddenOutput = 'hidden-out'
export const logitsOutput = 'logits'

/** What a graph computes: the blocks of a span (`noBlocks` for none), and with `head` the head of that model behind them. */
export interface SpanRequest {
  readonly span: Span
  readonly profile: NumericProfile
  readonly head: HeadSpec | null
  readonly weights: WeightSource
  /** Adds an output for each matrix of the blocks: the sums of products of its inputs (`input-sums.ts`). */
  readonly withInputSums?: boolean
}

/** The span of a graph that has a head only. */
export const noBlocks: Span = { range: { start: 0, end: 0 }, blocks: [], kv: 'f32' }

/**
 * The bytes of an ONNX model for a span, in the canonical form of docs/numerics.md.
 *
 * Rows are two-dimensional throughout, `[rows, width]`: there is no batch, because each session has its own cache.
 * Inputs: `hidden-in`, and for blocks those of `attentionInputs` and past keys and values.
 * Outputs: `hidden-out` `[rows, hiddenSize]`, or `logits` `[rows, vocabularySize]` with the head; new keys and values.
 *
 * The blocks of one graph must agree in their heads and their rotary embedding, whose tables are inputs of the graph;
 * since a device makes a graph for each block, the blocks of a model need not agree.
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

/** The soft cap of logits is not here: the bits of the operator for tanh depend on where a thread's share of a buffer ends. */
function appendHead(graph: WeightedGraph, head: HeadSpec, residual: Residual): void {
  const { builder } = graph
  const { hiddenSize, vocabularySize, tiedEmbeddings } = head
  const request = { kind: head.norm, name: 'head.norm', size: hiddenSize, epsilon: head.normEpsilon }
  const { normed } = norm(graph, residual, request)
  const projected = linear(graph, normed, tiedEmbeddings ? 'embed' : 'head', vocabularySize, hiddenSize)
  builder.output(scaled(graph, projected, head.logitScale), logitsOutput, 'float32', ['rows', vocabularySize])
}
