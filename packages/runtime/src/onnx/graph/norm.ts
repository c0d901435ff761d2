import type { NormKind } from '@shoal/model'
import { vector, type WeightedGraph } from './linear.ts'
import { microsoft } from './model-proto.ts'

/** The residual stream, and the branch that has not been added to it yet. */
export interface Residual {
  readonly hidden: string
  readonly branch: string | null
}

export interface NormRequest {
  readonly kind: NormKind
  /** Name of the packed weights; a bias is named `<name>.bias`. */
  readonly name: string
  readonly size: number
  readonly epsilon: number
}

/**
 * The norm of `hidden + branch` (rule R1 of docs/numerics.md): always the operator that adds and normalises at once,
 * with a zero branch where there is none, because the plain norm rounds differently. So a cut between two
 * blocks changes no bits. RMSNorm is also the only norm whose bits agree on every CPU family.
 */
export function norm(
  graph: WeightedGraph,
  residual: Residual,
  { kind, name, size, epsilon }: NormRequest,
): { normed: string; sum: string } {
  const weight = vector(graph, name, size)
  const bias = kind === 'biased-layer' ? [vector(graph, `${name}.bias`, size)] : []
  return normed(graph, residual, kind, [weight, ...bias], epsilon)
}

/** LayerNorm of each row, without weights. */
export function plainLayerNorm(graph: WeightedGraph, rows: string, size: number, epsilon: number): string {
  const bytes = new Uint8Array(new Float32Array(size).fill(1).buffer)
  const ones = graph.builder.constant({
    name: `ones-${size}`,
    type: 'float32',
    shape: [size],
    data: { bytes },
  })
  return normed(graph, { hidden: rows, branch: null }, 'layer', [ones], epsilon).normed
}

function normed(
  { builder }: WeightedGraph,
  { hidden, branch }: Residual,
  kind: NormKind,
  weights: readonly string[],
  epsilon: number,
): { normed: string; sum: string } {
  const skip = branch ?? builder.node('Sub', [hidden, hidden])
  const [result, , , sum] = builder.nodes(
    kind === 'rms' ? 'SkipSimplifiedLayerNormalization' : 'SkipLayerNormalization',
    [hidden, skip, ...weights],
    ['normed', '', '', 'sum'],
    { epsilon: { float: epsilon } },
    microsoft,
  )
  if (result === undefined || sum === undefined) throw new Error('the norm needs two outputs')
  return { normed: result, sum }
}
