import { projectedRows, type BlockSpec } from '@shoal/model'
import { denseOf } from '../../support.ts'
import { attention } from './attention.ts'
import { feedForward } from './feed-forward.ts'
import { linear, vector, type WeightedGraph } from './linear.ts'
import { norm, type Residual } from './norm.ts'
import { closed, scaled } from './stream.ts'

/** The two halves of a block, between which ranks exchange sums. */
export type Half = 'attention' | 'feed-forward'

/** Whether what a half adds is normalised first. */
export function hasPostNorm({ normPlaces }: BlockSpec): boolean {
  return normPlaces === 'after' || normPlaces === 'around'
}

/** Attention and feed-forward network with their norms; the next norm adds the last branch. @param block index in the model */
export function appendBlock(
  graph: WeightedGraph,
  spec: BlockSpec,
  block: number,
  residual: Residual,
): Residual {
  if (spec.normPlaces !== 'shared')
    return appendHalf(
      graph,
      spec,
      block,
      'feed-forward',
      appendHalf(graph, spec, block, 'attention', residual),
    )
  const { normed, sum } = halfInput(graph, spec, block, 'attention', residual)
  const [attended, active] = (['attention', 'feed-forward'] as const).map((half) =>
    scaled(graph, halfBranch(graph, spec, block, half, normed), spec.branchScale),
  ) as [string, string]
  return { hidden: graph.builder.node('Add', [sum, attended]), branch: active }
}

/** One half of a block without a shared norm. What it adds to the residual stream is left as its branch. */
export function appendHalf(
  graph: WeightedGraph,
  spec: BlockSpec,
  block: number,
  half: Half,
  residual: Residual,
): Residual {
  const { normed, sum } = halfInput(graph, spec, block, half, residual)
  const branch = halfBranch(graph, spec, block, half, normed)
  const last = hasPostNorm(spec) ? postNorm(graph, spec, block, half, branch) : branch
  return { hidden: sum, branch: scaled(graph, last, spec.branchScale) }
}

/** What a half computes from: the residual stream, behind a norm unless the block normalises branches only. */
export function halfInput(
  graph: WeightedGraph,
  spec: BlockSpec,
  block: number,
  half: Half,
  residual: Residual,
): { readonly normed: string; readonly sum: string } {
  const { norm: kind, normPlaces, hiddenSize: size, normEpsilon: epsilon } = spec
  if (normPlaces === 'after') {
    const sum = closed(graph, residual)
    return { normed: sum, sum }
  }
  const place = normPlaces === 'shared' ? 'attention' : half
  return norm(graph, residual, { kind, name: `block-${block}.${place}-norm`, size, epsilon })
}

/** What a half makes of its input, or a rank's part of that. */
export function halfBranch(
  graph: WeightedGraph,
  spec: BlockSpec,
  block: number,
  half: Half,
  x: string,
): string {
  return half === 'attention'
    ? attentionBranch(graph, spec, block, x)
    : feedForward(graph, denseOf(spec.feedForward), `block-${block}.`, x, spec.hiddenSize)
}

/** The norm of what a half adds to the residual stream. */
export function postNorm(
  graph: WeightedGraph,
  { norm: kind, hiddenSize: size, normEpsilon: epsilon }: BlockSpec,
  block: number,
  half: Half,
  branch: string,
): string {
  const name = `block-${block}.${half}-post-norm`
  return norm(graph, { hidden: branch, branch: null }, { kind, name, size, epsilon }).normed
}

function attentionBranch(graph: WeightedGraph, spec: BlockSpec, block: number, x: string): string {
  const { hiddenSize } = spec
  const { headCount, headSize, bias, outputBias } = spec.attention
  const name = `block-${block}`
  const width = projectedRows(spec.attention).reduce((sum, rows) => sum + rows, 0)
  const qkvBias = bias ? vector(graph, `${name}.qkv.bias`, width) : undefined
  const qkv = linear(graph, x, `${name}.qkv`, width, hiddenSize, qkvBias)
  const attended = attention(graph, spec, block, qkv)
  const ownBias = outputBias ? vector(graph, `${name}.output.bias`, hiddenSize) : undefined
  return linear(graph, attended, `${name}.output`, hiddenSize, headCount * headSize, ownBias)
}
