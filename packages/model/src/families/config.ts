/** Rotary position embedding, as the family's reference code computes its inverse frequencies. */
export interface RopeConfig {
  readonly theta: number
  /** `llama3` scaling (Llama 3.1 and later), `linear`, or none. */
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
}

/** What a model is, in one vocabulary for every family. Part of the manifest. */
export interface ModelConfig {
  /** `model_type` of config.json: `llama`, `mistral`, `qwen2`, `qwen3`. */
  readonly family: string
  readonly hiddenSize: number
  /** Columns of the feed-forward network (`intermediate_size`). */
  readonly feedForwardSize: number
  readonly blockCount: number
  readonly headCount: number
  readonly keyValueHeadCount: number
  readonly headSize: number
  readonly vocabularySize: number
  /** Most positions a session may have (`max_position_embeddings`). */
  readonly contextLength: number
  readonly normEpsilon: number
  readonly rope: RopeConfig
  /** Keys a query sees, itself included; null for all. */
  readonly slidingWindow: number | null
  /** Qwen2: q, k and v have biases. */
  readonly attentionBias: boolean
  /** Qwen3: RMSNorm over each head of q and k before rotation. */
  readonly queryKeyNorm: boolean
  readonly tiedEmbeddings: boolean
  readonly bosTokenId: number | null
  /** Tokens that end a generation; generation_config's list wins over config's. */
  readonly eosTokenIds: readonly number[]
}

/** Blocks `[start, end)`. */
export interface BlockRange {
  readonly start: number
  readonly end: number
}
