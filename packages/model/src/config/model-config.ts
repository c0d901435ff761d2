import type { ExpertsSpec } from './block-spec.ts'
import type { ModelOptions } from './model-options.ts'

/** Rotary position embedding (Su et al., arXiv 2104.09864), with inverse frequencies as transformers computes them. */
export interface RopeConfig {
  readonly theta: number
  /** The leading channels of a head that turn, where not all of them do. */
  readonly dimensions?: number
  /** Queries at position p are multiplied by 1 + beta · ln(1 + ⌊p / originalContextLength⌋) (Ministral 3, Llama 4). */
  readonly queryScale?: { readonly beta: number; readonly originalContextLength: number }
  /** `llama3` scaling (Llama 3.1 and later), `linear`, `dynamic`, `yarn` (Peng et al., arXiv 2309.00071), `longrope`, a factor for each pair of a head (GGUF files), or none. */
  readonly scaling:
    | null
    | { readonly type: 'linear'; readonly factor: number }
    | {
        readonly type: 'llama3'
        readonly factor: number
        readonly lowFrequencyFactor: number
        readonly highFrequencyFactor: number
        readonly originalContextLength: number
      }
    | DynamicScaling
    | YarnScaling
    | LongRopeScaling
    | { readonly type: 'factors'; readonly factors: readonly number[] }
}

/**
 * NTK-aware scaling whose base grows with the length behind the original context. Each position turns by the base of the
 * length that it ends, as with a KV cache of transformers that is filled token by token, so that no key is computed again.
 */
export interface DynamicScaling {
  readonly type: 'dynamic'
  readonly factor: number
  readonly originalContextLength: number
}

/**
 * LongRoPE (Ding et al., arXiv 2402.13753): the angle of each pair is divided by a factor of its own. The long factors hold for
 * the whole of a session that may become longer than the original context, the short ones for all others.
 */
export interface LongRopeScaling {
  readonly type: 'longrope'
  readonly shortFactors: readonly number[]
  readonly longFactors: readonly number[]
  /** Multiplies cosines and sines. */
  readonly attentionFactor: number
  readonly originalContextLength: number
}

export interface YarnScaling {
  readonly type: 'yarn'
  readonly factor: number
  /** Multiplies cosines and sines. */
  readonly attentionFactor: number
  /** Turns within the original context of the last pair that stays, and of the first that is slowed by the whole factor. */
  readonly betaFast: number
  readonly betaSlow: number
  readonly originalContextLength: number
  /** The bounds between these pairs are whole numbers. */
  readonly truncate: boolean
}

/**
 * A model's config in one vocabulary for every family. It is part of the manifest, so a field that a family adds must be
 * absent from the configs of all others: otherwise their manifests would get other ids.
 *
 * Code that computes or weighs a block asks `blockSpec` for that block instead of reading these fields.
 */
export interface ModelConfig extends ModelOptions {
  /** `model_type` of config.json; the name of a family in `families/registry.ts`. */
  readonly family: string
  readonly hiddenSize: number
  /** Columns of the feed-forward network (`intermediate_size`). */
  readonly feedForwardSize: number
  readonly blockCount: number
  readonly headCount: number
  readonly keyValueHeadCount: number
  readonly headSize: number
  readonly vocabularySize: number
  /** Longest session, in positions (`max_position_embeddings`). */
  readonly contextLength: number
  readonly normEpsilon: number
  readonly rope: RopeConfig
  /** Positions that a query sees, its own included; null for all. */
  readonly slidingWindow: number | null
  /** q, k and v have biases (Qwen2). */
  readonly attentionBias: boolean
  /** RMSNorm over each head of q and k before rotation (Qwen3). */
  readonly queryKeyNorm: boolean
  /** The mixtures of experts of some or all blocks; absent from the configs of dense families. */
  readonly experts?: ExpertsConfig
  readonly tiedEmbeddings: boolean
  readonly bosTokenId: number | null
  /** Tokens that end a generation: those of generation_config.json, config.json and tokenizer_config.json together. */
  readonly eosTokenIds: readonly number[]
}

/** The mixtures of experts of a model, which are all alike. */
export interface ExpertsConfig extends Omit<ExpertsSpec, 'kind'> {
  /** Blocks without experts, ascending: their feed-forward networks have `feedForwardSize` columns. */
  readonly denseBlocks: readonly number[]
}

/** Blocks `[start, end)`. */
export interface BlockRange {
  readonly start: number
  readonly end: number
}
