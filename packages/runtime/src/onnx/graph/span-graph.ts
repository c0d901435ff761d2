import type { BlockRange, ModelConfig, NumericProfile } from '@shoal/model'
import { attention, declareAttentionInputs, declareZeroRows } from './attention.ts'
import { createGraphBuilder } from './graph-builder.ts'
import { linear, vector, type WeightedGraph, type WeightSource } from './linear.ts'
import { encodeModel } from './model-proto.ts'
import { norm, type Residual } from './norm.ts'

/** Part of the numeric class: raise it whenever a change here may change a bit. */
export const generatorVersion = 1

export const hiddenInput = 'hidden-in'
export const hiddenOutput = 'hidden-out'
export const logitsOutput = 'logits'

/** What a graph computes: blocks of a range (it may be empty), and the head behind them or not. */
export interface SpanRequest {
  readonly config: ModelConfig
  readonly profile: NumericProfile
  readonly range: BlockRange
  readonly head: boolean
  readonly weights: WeightSource
}

/**
 * The bytes of an ONNX model for a span, in the canonical form of docs/numerics.md.
 *
 * Rows are two-dimensional throughout, `[rows, width]`: there is no batch, a session has its own cache.
 * Inputs: `hidden-in`, and for blocks those of `attentionInputs` and past keys and values.
 * Outputs: `hidden-out` `[rows, hiddenSize]`, or `logits` `[rows, vocabularySize]` with the head; new keys and values.
 */
export function spanGraph({ config, profile, range, head, weights }: SpanRequest): Uint8Array {
  const builder = createGraphBuilder()
  const graph: WeightedGraph = { builder, weights, profile }
  let residual: Residual = {
    hidden: builder.input(hiddenInput, 'float32', ['rows', config.hiddenSize]),
    branch: null,
  }
  if (range.end > range.start) {
    declareAttentionInputs(graph, config)
    declareZeroRows(graph, config)
  }
  for (let block = range.start; block < range.end; block += 1)
    residual = appendBlock(graph, config, block, residual)
  if (head) appendHead(graph, config, residual)
  else builder.output(closed(graph, residual), hiddenOutput, 'float32', ['rows', config.hiddenSize])
  return encodeModel(builder.build())
}

function closed({ builder }: WeightedGraph, { hidden, branch }: Residual): string {
  return branch === null ? hidden : builder.node('Add', [hidden, branch])
}

/** Attention and feed-forward, each behind its norm; the feed-forward's sum is left to the next norm. */
function appendBlock(graph: WeightedGraph, config: ModelConfig, block: number, residual: Residual): Residual {
  return appendFeedForward(graph, config, block, appendAttention(graph, config, block, residual))
}

/** Norm and attention; what they add to the residual stream is left as its branch. */
export function appendAttention(
  graph: WeightedGraph,
  config: ModelConfig,
  block: number,
  residual: Residual,
): Residual {
  const { hiddenSize, headCount, keyValueHeadCount, headSize, normEpsilon } = config
  const name = `block-${block}`
  const before = norm(graph, residual, vector(graph, `${name}.attention-norm`, hiddenSize), normEpsilon)
  const width = (headCount + 2 * keyValueHeadCount) * headSize
  const bias = config.attentionBias ? vector(graph, `${name}.qkv.bias`, width) : undefined
  const qkv = linear(graph, before.normed, `${name}.qkv`, width, hiddenSize, bias)
  const attended = attention(graph, config, block, qkv)
  return {
    hidden: before.sum,
    branch: linear(graph, attended, `${name}.output`, hiddenSize, headCount * headSize),
  }
}

/** Norm and feed-forward, likewise. */
export function appendFeedForward(
  graph: WeightedGraph,
  config: ModelConfig,
  block: number,
  residual: Residual,
): Residual {
  const name = `block-${block}`
  const { normed, sum } = norm(
    graph,
    residual,
    vector(graph, `${name}.feed-forward-norm`, config.hiddenSize),
    config.normEpsilon,
  )
  return { hidden: sum, branch: feedForward(graph, config, name, normed) }
}

/** SwiGLU: `down(silu(gate(x)) · up(x))`; QuickGelu with alpha 1 is silu in one operator. */
function feedForward(graph: WeightedGraph, config: ModelConfig, name: string, x: string): string {
  const { builder } = graph
  const { feedForwardSize, hiddenSize } = config
  const both = linear(graph, x, `${name}.gate-up`, 2 * feedForwardSize, hiddenSize)
  const [gate = '', up = ''] = builder.nodes('Split', [both], ['gate', 'up'], { axis: 1, num_outputs: 2 })
  const active = builder.contrib('QuickGelu', [gate], { alpha: { float: 1 } })
  return linear(graph, builder.node('Mul', [active, up]), `${name}.down`, hiddenSize, feedForwardSize)
}

function appendHead(graph: WeightedGraph, config: ModelConfig, residual: Residual): void {
  const { hiddenSize, vocabularySize, normEpsilon } = config
  const { normed } = norm(graph, residual, vector(graph, 'head.norm', hiddenSize), normEpsilon)
  const logits = linear(graph, normed, config.tiedEmbeddings ? 'embed' : 'head', vocabularySize, hiddenSize)
  graph.builder.output(logits, logitsOutput, 'float32', ['rows', vocabularySize])
}
