import type { ExpertsSpec } from './block-spec.ts'

/** Rotary position embedding (Su et al., arXiv 2104.09864), with inverse frequencies as transformers computes them. */
export interface RopeConfig {
  readonly theta: number
  /** `llama3` scaling (Llama 3.1 and later), `linear`, `yarn` (Peng et al., arXiv 2309.00071), a factor for each pair of a head (GGUF files), or none. */
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
    | YarnScaling
    | { readonly type: 'factors'; readonly factors: readonly number[] }
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
export interface ModelConfig {
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
