import { attendedColumns, projectedRows, type BlockSpec } from '@shoal/model'
import { denseOf } from '../../support.ts'
import { attendedHeads } from './attended.ts'
import { feedForward } from './feed-forward.ts'
import { latentHeads, withoutFilling } from './latent.ts'
import { linear, vector, type WeightedGraph } from './linear.ts'
import { norm, type Residual } from './norm.ts'
import { closed, scaled } from './stream.ts'

/** The two halves of a block, between which ranks exchange sums. */
export type Half = 'attention' | 'feed-forward'

/** Whether what a half adds is normalised first. */
export function hasPostNorm({ normPlaces }: BlockSpec): boolean {
  return normPlaces === 'after' || normPlaces === 'around'
}

/** Makes the heads' outputs of the normalised rows: in the same graph by default. */
export type Attend = (normed: string) => string

/**
 * Attention and feed-forward network with their norms; the next norm adds the last branch.
 * @param block index in the model
 */
export function appendBlock(
  graph: WeightedGraph,
  spec: BlockSpec,
  block: number,
  residual: Residual,
  attend?: Attend,
): Residual {
  if (spec.normPlaces !== 'shared')
    return appendHalf(
      graph,
      spec,
      block,
      'feed-forward',
      appendHalf(graph, spec, block, 'attention', residual, attend),
    )
  const { normed, sum } = halfInput(graph, spec, block, 'attention', residual)
  const [attended, active] = (['attention', 'feed-forward'] as const).map((half) =>
    scaled(graph, halfBranch(graph, spec, block, half, normed, attend), spec.branchScale),
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
  attend?: Attend,
): Residual {
  const { normed, sum } = halfInput(graph, spec, block, half, residual)
  const branch = halfBranch(graph, spec, block, half, normed, attend)
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
  attend: Attend = (normed) => attendedHeads(graph, spec, block, projectedHeads(graph, spec, block, normed)),
): string {
  return half === 'attention'
    ? attentionBranch(graph, spec, block, attend(x))
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

/** q, k and v of the rows, side by side. */
export function projectedHeads(graph: WeightedGraph, spec: BlockSpec, block: number, x: string): string {
  const { latent } = spec.attention
  if (latent !== undefined) return latentHeads(graph, spec, latent, block, x)
  const name = `block-${block}.qkv`
  const width = projectedRows(spec.attention).reduce((sum, rows) => sum + rows, 0)
  const bias = spec.attention.bias ? vector(graph, `${name}.bias`, width) : undefined
  return linear(graph, x, name, width, spec.hiddenSize, bias)
}

function attentionBranch(graph: WeightedGraph, spec: BlockSpec, block: number, attended: string): string {
  const { hiddenSize } = spec
  const { outputBias } = spec.attention
  const name = `block-${block}.output`
  const bias = outputBias ? vector(graph, `${name}.bias`, hiddenSize) : undefined
  const values = withoutFilling(graph, spec, attended)
  return linear(graph, values, name, hiddenSize, attendedColumns(spec.attention), bias)
}
