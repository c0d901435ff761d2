/** What both clients take: the peer of a swarm, and the client of a node's HTTP API. */
export interface BasicOptions {
  /** Default 256. */
  readonly maxTokens?: number
  /** 0 = greedy. */
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  readonly repetitionPenalty?: number
  /** Unsigned 32 bits; random when absent. */
  readonly seed?: number
  readonly stop?: readonly string[]
  /** Continue after the model's end tokens. */
  readonly ignoreEos?: boolean
  /** Aborting ends the generation and frees its KV caches on every peer. */
  readonly signal?: AbortSignal
}

export interface ForwardOptions {
  /** `[0, end)`: only the first `end` blocks; all when absent. */
  readonly layers?: readonly [number, number]
  readonly signal?: AbortSignal
}

export interface Usage {
  readonly promptTokens: number
  readonly completionTokens: number
}

export interface ForwardResult {
  /** float32 `[tokens, hiddenSize]`, after the last block asked for. */
  readonly hiddenStates: Float32Array
  /** float32 `[tokens, vocabularySize]`; null when the last block was not asked for. */
  readonly logits: Float32Array | null
  readonly hiddenSize: number
  readonly vocabularySize: number
}
