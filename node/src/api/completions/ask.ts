import type { ChatMessage, ChatOptions, Grammar } from '@shoal/model'

export type JsonObject = NonNullable<ChatOptions['variables']>

/** A function that the model may call. */
export interface Tool {
  readonly name: string
  readonly description: string | null
  /** JSON Schema of its arguments; null for a function without any. */
  readonly parameters: JsonObject | null
}

export type ToolChoice = 'auto' | 'none' | 'required' | { readonly name: string }

/** What a caller says of sampling; the rest is the model's own. */
export interface SamplingAsk {
  readonly temperature?: number | null | undefined
  readonly topP?: number | null | undefined
  readonly topK?: number | null | undefined
  readonly repetitionPenalty?: number | null | undefined
  readonly seed?: number | null | undefined
  readonly minP?: number | null | undefined
  readonly frequencyPenalty?: number | null | undefined
  readonly presencePenalty?: number | null | undefined
  readonly logitBias?: ReadonlyMap<number, number> | null | undefined
}

/** What an answer must look like, and the field in which the caller says so. */
export interface ContentForm {
  readonly grammar: Grammar
  readonly param: string
}

/** What every dialect of the API asks for, in one form. */
export interface Ask {
  /** The name that the caller used. */
  readonly model: string
  readonly sampling: SamplingAsk
  /** Null: as many as this API gives when nothing is said. `room`: as many as the context has room for. */
  readonly maxTokens: number | 'room' | null
  readonly stop: readonly string[]
  /** Answers to one prompt. */
  readonly answers: number
  /** Null: no log-probabilities. */
  readonly topLogprobs: number | null
  readonly ignoreEos: boolean
  readonly stream: boolean
  /** Absent where the answer is free. */
  readonly form?: ContentForm | undefined
}

export interface ChatAsk extends Ask {
  readonly messages: readonly ChatMessage[]
  /** The last message is the beginning of the answer, and the model continues it; the field in which the caller says so. */
  readonly begun?: string | undefined
  readonly tools: readonly Tool[]
  readonly toolChoice: ToolChoice
  /** Whether one answer may call several tools. */
  readonly parallelCalls: boolean
  readonly documents: readonly JsonObject[]
  /** Of the model's chat template. */
  readonly variables: JsonObject
}

/** A text to be continued. */
export interface TextAsk extends Ask {
  readonly prompts: readonly (string | readonly number[])[]
}
