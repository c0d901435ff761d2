import type {
  Response,
  ResponseFunctionToolCall,
  ResponseOutputItem,
  ResponseOutputText,
  ResponseUsage,
} from 'openai/resources/responses/responses'
import type { Generation } from '../../completions/generation.ts'
import type { FinishReason, WholeAnswer } from '../../completions/run.ts'
import type { GenerateResult } from '@shoal/swarm'
import type { ResponseRequest } from './request.ts'

type Status = 'in_progress' | 'completed' | 'incomplete'

export const textPart = (text: string): ResponseOutputText => ({
  type: 'output_text',
  text,
  annotations: [],
  logprobs: [],
})

export const messageItem = (id: string, text: string | null, status: Status): ResponseOutputItem => ({
  type: 'message',
  id,
  role: 'assistant',
  status,
  content: text === null ? [] : [textPart(text)],
})

export const reasoningItem = (id: string, text: string | null, status: Status): ResponseOutputItem => ({
  type: 'reasoning',
  id,
  status,
  summary: [],
  content: text === null ? [] : [{ type: 'reasoning_text', text }],
})

export const callItem = (
  call: WholeAnswer['calls'][number],
  status: Status,
): ResponseFunctionToolCall & { id: string } => ({
  type: 'function_call',
  id: `fc_${call.id}`,
  call_id: `call_${call.id}`,
  name: call.name,
  arguments: call.arguments,
  status,
})

/** A response of which nothing has been made. */
export function begun(generation: Generation, request: ResponseRequest): Response {
  return {
    id: `resp_${generation.id}`,
    object: 'response',
    created_at: generation.created,
    status: 'in_progress',
    model: generation.model,
    output: [],
    output_text: '',
    access_programs: null,
    error: null,
    incomplete_details: null,
    instructions: request.instructions ?? null,
    metadata: request.metadata ?? {},
    parallel_tool_calls: generation.parallelCalls,
    temperature: request.temperature ?? null,
    top_p: request.top_p ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    previous_response_id: null,
    text: { format: formatOf(request) },
    tool_choice: request.tool_choice ?? 'auto',
    tools: (request.tools ?? []).map((tool) => ({
      type: 'function',
      name: tool.name,
      description: tool.description ?? null,
      parameters: tool.parameters ?? null,
      strict: false,
    })),
  }
}

function formatOf({ text }: ResponseRequest): NonNullable<NonNullable<Response['text']>['format']> {
  const format = text?.format ?? { type: 'text' }
  if (format.type !== 'json_schema') return format
  const { type, name, schema, strict, description } = format
  return {
    type,
    name,
    schema,
    strict: strict ?? null,
    ...(typeof description === 'string' && { description }),
  }
}

/** The response at its end. An answer that was cut is incomplete. */
export function ended(
  response: Response,
  output: Response['output'],
  finish: FinishReason,
  result: GenerateResult,
): Response {
  const cut = finish === 'length'
  return {
    ...response,
    status: cut ? 'incomplete' : 'completed',
    incomplete_details: cut ? { reason: 'max_output_tokens' } : null,
    output,
    output_text: output
      .flatMap((item) => (item.type === 'message' ? item.content : []))
      .map((part) => (part.type === 'output_text' ? part.text : ''))
      .join(''),
    usage: usageOf(result),
  }
}

function usageOf({ promptTokens, reusedTokens, completionTokens }: GenerateResult): ResponseUsage {
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: reusedTokens, cache_write_tokens: 0 },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: promptTokens + completionTokens,
  }
}
