import type { BasicOptions, Usage } from '../options.ts'
import { ApiFailure, errorIn } from './api-failure.ts'
import { eventData } from './event-data.ts'

export interface WebMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly content: string
}

/** The end of an answer. */
export interface WebAnswer {
  readonly text: string
  /** `stop`, `length`, or what the API says beside these. */
  readonly finishReason: string
  readonly usage: Usage
}

export interface WebTextPart {
  readonly text: string
  /** On the last part only. */
  readonly result?: WebAnswer
}

/** The fields that both kinds of completions take. */
export function samplingFields(options: BasicOptions): object {
  const { maxTokens, temperature, topP, topK, repetitionPenalty, seed, stop, ignoreEos } = options
  return {
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: maxTokens ?? 256,
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    ...(topK !== undefined && { top_k: topK }),
    ...(repetitionPenalty !== undefined && { repetition_penalty: repetitionPenalty }),
    ...(seed !== undefined && { seed }),
    ...(stop !== undefined && { stop }),
    ...(ignoreEos !== undefined && { ignore_eos: ignoreEos }),
  }
}

interface Chunk {
  readonly choices: readonly {
    readonly text?: string
    readonly delta?: { readonly content?: string | null }
    readonly finish_reason: string | null
  }[]
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null
}

/** The parts of a streamed completion. @throws {ApiFailure} when it fails under way or ends without its last chunk */
export async function* partsOf(response: Response): AsyncGenerator<WebTextPart> {
  let text = ''
  let finishReason: string | null = null
  let usage: Usage = { promptTokens: 0, completionTokens: 0 }
  if (response.body === null) throw new ApiFailure('the answer has no body', { status: null, code: null })
  for await (const data of eventData(response.body)) {
    const failure = errorIn(data)
    if (failure !== null) throw new ApiFailure(failure.message, { status: null, code: failure.code })
    const chunk = JSON.parse(data) as Chunk
    const [choice] = chunk.choices
    finishReason = choice?.finish_reason ?? finishReason
    if (chunk.usage)
      usage = {
        promptTokens: chunk.usage.prompt_tokens,
        completionTokens: chunk.usage.completion_tokens,
      }
    const piece = choice?.delta?.content ?? choice?.text ?? ''
    if (piece === '') continue
    text += piece
    yield { text: piece }
  }
  if (finishReason === null)
    throw new ApiFailure('the connection ended in the middle of the answer', {
      status: null,
      code: 'cut-off',
    })
  yield { text: '', result: { text, finishReason, usage } }
}
