import type { WeightedGraph } from './linear.ts'
import { microsoft } from './model-proto.ts'

/** The residual stream, and the branch that has not been added to it yet. */
export interface Residual {
  readonly hidden: string
  readonly branch: string | null
}

/**
 * RMSNorm of `hidden + branch` (rule R1 of docs/numerics.md): always the operator that adds and normalises at once,
 * with a zero branch where there is none, because the plain norm rounds differently. So a cut between two
 * blocks changes no bits. It is also the only norm whose bits agree on every CPU family.
 */
export function norm(
  { builder }: WeightedGraph,
  { hidden, branch }: Residual,
  weight: string,
  epsilon: number,
): { normed: string; sum: string } {
  const skip = branch ?? builder.node('Sub', [hidden, hidden])
  const [normed, , , sum] = builder.nodes(
    'SkipSimplifiedLayerNormalization',
    [hidden, skip, weight],
    ['normed', '', '', 'sum'],
    { epsilon: { float: epsilon } },
    microsoft,
  )
  if (normed === undefined || sum === undefined) throw new Error('the norm needs two outputs')
  return { normed, sum }
}
