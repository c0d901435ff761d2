import type { RopeConfig } from './model-config.ts'

/**
 * One block of a model: everything that decides its tensors, its graph, its KV cache and its cost. Blocks of one model
 * may differ (sliding and full attention, dense and mixture-of-experts layers), so code that means a block takes the
 * spec of that block and never the spec of block 0.
 */
export interface BlockSpec {
  /** Columns of the residual stream; the same in all blocks of a model. */
  readonly hiddenSize: number
  /** Epsilon of every RMSNorm of the block. */
  readonly normEpsilon: number
  readonly attention: AttentionSpec
  readonly feedForward: FeedForwardSpec
}

/** Causal grouped-query attention (Ainslie et al., arXiv 2305.13245) with rotary position embedding. */
export interface AttentionSpec {
  readonly headCount: number
  readonly keyValueHeadCount: number
  readonly headSize: number
  /** Sliding-window attention: the number of positions that a query sees, its own included. Null: all positions before it. */
  readonly window: number | null
  readonly rope: RopeConfig
  /** The projections of q, k and v have biases. */
  readonly bias: boolean
  /** RMSNorm over each head of q and k, before rotation. */
  readonly queryKeyNorm: boolean
}

export type FeedForwardSpec = DenseSpec | ExpertsSpec

/** SwiGLU (Shazeer, arXiv 2002.05202): `down(silu(gate(x)) · up(x))`. */
export interface DenseSpec {
  readonly kind: 'dense'
  /** Columns between the matrices (`intermediate_size`). */
  readonly size: number
}

/** A mixture of experts: a router picks `activeCount` of `count` SwiGLU networks for each row (docs/experts.md). */
export interface ExpertsSpec {
  readonly kind: 'experts'
  readonly count: number
  readonly activeCount: number
  /** Columns between the matrices of one expert (`moe_intermediate_size`). */
  readonly size: number
  /** The weights of a row's chosen experts sum to one (`norm_topk_prob`), and not those of all experts. */
  readonly normalised: boolean
  /** Columns of a network that computes every row, behind a gate of its own; null for none. */
  readonly sharedSize: number | null
}
