import type { IndexRange } from '../splitting/block-split.ts'
import type { RopeConfig } from './model-config.ts'

/**
 * One block of a model: everything that decides its tensors, its graph, its KV cache and its cost. Blocks of one model
 * may differ (sliding and full attention, dense and mixture-of-experts layers), so code that means a block takes the
 * spec of that block and never the spec of block 0.
 */
export interface BlockSpec {
  /** Columns of the residual stream; the same in all blocks of a model. */
  readonly hiddenSize: number
  readonly norm: NormKind
  readonly normPlaces: NormPlaces
  /** Epsilon of every norm of the block. */
  readonly normEpsilon: number
  /** Multiplies what attention and the feed-forward network add to the residual stream; 1 in most families. */
  readonly branchScale: number
  readonly attention: AttentionSpec
  readonly feedForward: FeedForwardSpec
}

/** RMSNorm (Zhang and Sennrich, arXiv 1910.07467), or LayerNorm (Ba et al., arXiv 1607.06450) without or with a bias. */
export type NormKind = 'rms' | 'layer' | 'biased-layer'

/**
 * Where the residual stream x and a branch f are normalised: `before` x + f(norm(x)), `after` x + norm(f(x)), `around`
 * both, `shared` x + attention(norm(x)) + feedForward(norm(x)) with one norm for both branches.
 */
export type NormPlaces = 'before' | 'after' | 'around' | 'shared'

/** Causal grouped-query attention (Ainslie et al., arXiv 2305.13245), most often with rotary position embedding. */
export interface AttentionSpec {
  readonly headCount: number
  readonly keyValueHeadCount: number
  readonly headSize: number
  /** Sliding-window attention: the number of positions that a query sees, its own included. Null: all positions before it. */
  readonly window: number | null
  /** Null for a block that does not rotate, and knows positions from the causal mask alone. */
  readonly rope: RopeConfig | null
  /** The channels of a head that turn together: i and i + half of those that turn, or the neighbours 2i and 2i + 1. */
  readonly rotatedPairs: 'halves' | 'neighbours'
  /** Divides the products of queries and keys; the root of the head size in most families. */
  readonly scoreDivisor: number
  /** Bounds the divided products s to c · tanh(s / c) (Gemma 2); null for no bound. */
  readonly softCap: number | null
  /** The projections of q, k and v have biases. */
  readonly bias: boolean
  /** The projection back to the residual stream has a bias. */
  readonly outputBias: boolean
  readonly queryKeyNorm: QueryKeyNorm | null
  /** Each head has a learned score that takes part in the softmax and has no value (gpt-oss); absent in other families. */
  readonly sinks?: true
  /**
   * Queries, keys and values are made of vectors that all heads share (DeepSeek); absent in other families. The channels of a
   * head that turn come first, and values are filled up with zeros to the size of a head.
   */
  readonly latent?: LatentSpec
  /** In place of attention, a convolution over the last positions (LFM2); absent in other blocks. */
  readonly convolution?: ConvolutionSpec
  /** What a rank projects where `queryKeyNorm` spans the heads of all ranks; absent where it projects its own heads. */
  readonly projected?: ProjectedHeads
}

/** Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434). */
export interface LatentSpec {
  /** Columns of the vector that queries are made of; null where they are made of the residual stream. */
  readonly querySize: number | null
  /** Columns of the vector that keys and values are made of, less those of the keys that turn, which all heads share. */
  readonly keyValueSize: number
  /** Channels of a head's values. */
  readonly valueSize: number
}

/**
 * A short gated convolution: of three projections b, c and x of a row it makes `c · Σ weight · (b · x)`, channel by channel, with
 * the sum over the last `taps` positions. They take the places of q, k and v, with as many heads of each.
 */
export interface ConvolutionSpec {
  /** Positions that a row depends on, its own included. */
  readonly taps: number
}

/**
 * How q and k are normalised: RMSNorm of each head, before or after rotation; LayerNorm of each head before rotation, with
 * weights for every head; or one RMSNorm over all heads, before rotation.
 */
export type QueryKeyNorm = 'head' | 'rotated-head' | 'layer-of-head' | 'all-heads'

/** All heads of a block, and those among them that a rank goes on with. */
export interface ProjectedHeads {
  readonly headCount: number
  readonly keyValueHeadCount: number
  readonly heads: IndexRange
  readonly keyValueHeads: IndexRange
}

export type FeedForwardSpec = DenseSpec | ExpertsSpec

/**
 * `down(activation(gate(x)) · up(x))` (Shazeer, arXiv 2002.05202), or `down(activation(up(x)))` without a gate.
 */
export interface DenseSpec {
  readonly kind: 'dense'
  /** Columns between the matrices (`intermediate_size`). */
  readonly size: number
  readonly activation: Activation
  readonly gated: boolean
  /** Gate and up have biases. */
  readonly bias: boolean
  /** Down has a bias. */
  readonly outputBias: boolean
}

/** `gelu` with the error function, `gelu-tanh` its approximation, `relu-squared` max(0, x)². */
export type Activation = 'silu' | 'gelu' | 'gelu-tanh' | 'relu-squared'

/** A mixture of experts: a router picks `activeCount` of `count` gated networks for each row (docs/experts.md). */
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
  /** The router, and both matrices of each expert, have biases; absent where they have none. */
  readonly biased?: true
  /** The network that computes every row has no gate. */
  readonly sharedUngated?: true
  /** How experts are chosen and weighted where that is not by the softmax of their logits alone. */
  readonly grouped?: GroupedRouting
  /**
   * Experts are (up + 1) · gate · sigmoid(1.702 · gate), with gate at most this and up within it in both directions (gpt-oss);
   * absent for SwiGLU.
   */
  readonly gateBound?: number
}

/** The router of DeepSeek: only experts of the best groups are chosen. */
export interface GroupedRouting {
  /** What logits become: `softmax` over all experts, or `sigmoid` of each (DeepSeek-V3, arXiv 2412.19437). */
  readonly scores: 'softmax' | 'sigmoid'
  /** Experts with consecutive numbers form groups of equal size. */
  readonly groups: number
  /** Groups of whose experts a row's are chosen: by their best score, or with `sigmoid` by the sum of their two best. */
  readonly activeGroups: number
  /** Multiplies the weights of the chosen experts. */
  readonly scale: number
  /** Each expert has a number that is added to its score for the choice, and not for its weight. */
  readonly corrected: boolean
}

/** The final norm and the projection to logits. */
export interface HeadSpec {
  readonly hiddenSize: number
  readonly vocabularySize: number
  /** The projection is the embedding's matrix. */
  readonly tiedEmbeddings: boolean
  readonly norm: NormKind
  readonly normEpsilon: number
  /** Multiplies the logits; 1 in most families. */
  readonly logitScale: number
  /** Bounds the scaled logits l to c · tanh(l / c); null for no bound. */
  readonly logitSoftCap: number | null
}
