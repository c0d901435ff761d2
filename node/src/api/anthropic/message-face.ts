import type {
  ContentBlock,
  Message,
  RawMessageStreamEvent,
  StopReason,
} from '@anthropic-ai/sdk/resources/messages'
import type { GenerateResult } from '@shoal/swarm'
import { eventStreamType, sseMessage, type Face, type FaceStream } from '../completions/face.ts'
import type { Generation } from '../completions/generation.ts'
import { argumentsOf } from '../completions/history.ts'
import {
  countTokens,
  type AnswerEvent,
  type AnswerPart,
  type FinishReason,
  type WholeAnswer,
} from '../completions/run.ts'
import { anthropicError } from './error-form.ts'

type Event = RawMessageStreamEvent | { readonly type: 'ping' }

const send = (event: Event): string => sseMessage(event, event.type)

/** Anthropic's messages. */
export const messageFace: Face = {
  streamType: eventStreamType,
  whole: (generation, [answer]) => ({
    ...begun(generation),
    ...(answer !== undefined && {
      content: blocksOf(answer),
      ...stopOf(answer.finish, answer.result),
      usage: { ...begun(generation).usage, ...usageOf(answer.result) },
    }),
  }),
  stream: (generation) => messageStream(generation),
}

/** A message of which nothing has been made. */
function begun(generation: Generation): Message {
  return {
    id: `msg_${generation.id}`,
    type: 'message',
    role: 'assistant',
    model: generation.model,
    content: [],
    container: null,
    diagnostics: null,
    stop_details: null,
    stop_reason: null,
    stop_sequence: null,
    usage: {
      input_tokens: countTokens(generation, []).prompt,
      output_tokens: 0,
      cache_creation: null,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      inference_geo: null,
      output_tokens_details: null,
      server_tool_use: null,
      service_tier: null,
      speed: null,
    },
  }
}

/** Tokens of the prompt that stages had from an earlier request are counted apart. */
const usageOf = ({ promptTokens, reusedTokens, completionTokens }: GenerateResult) => ({
  input_tokens: promptTokens - reusedTokens,
  output_tokens: completionTokens,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: reusedTokens,
})

function stopOf(
  finish: FinishReason,
  { stopText }: GenerateResult,
): { stop_reason: StopReason; stop_sequence: string | null } {
  if (finish === 'length') return { stop_reason: 'max_tokens', stop_sequence: null }
  if (finish === 'tool_calls') return { stop_reason: 'tool_use', stop_sequence: null }
  return { stop_reason: stopText === null ? 'end_turn' : 'stop_sequence', stop_sequence: stopText }
}

const textBlock = (text: string): ContentBlock => ({ type: 'text', text, citations: null })
const thinkingBlock = (thinking: string): ContentBlock => ({ type: 'thinking', thinking, signature: '' })
const toolBlock = (id: string, name: string, input: unknown): ContentBlock => ({
  type: 'tool_use',
  id: `toolu_${id}`,
  name,
  input,
  caller: { type: 'direct' },
})

const blocksOf = ({ reasoning, content, calls }: WholeAnswer): ContentBlock[] => [
  ...(reasoning === '' ? [] : [thinkingBlock(reasoning)]),
  ...(content === '' ? [] : [textBlock(content)]),
  ...calls.map((call) => toolBlock(call.id, call.name, argumentsOf(call.arguments))),
]

/** Events in the documented order: the message begins, its blocks one after the other, why it ended, its end. */
function messageStream(generation: Generation): FaceStream {
  let started = false
  let index = -1
  let open: ContentBlock['type'] | null = null
  const start = (): string => {
    if (started) return ''
    started = true
    return send({ type: 'message_start', message: begun(generation) })
  }
  const close = (): string => {
    const was = open
    open = null
    return was === null ? '' : send({ type: 'content_block_stop', index })
  }
  const begin = (block: ContentBlock): string => {
    const before = close()
    index += 1
    open = block.type
    return before + send({ type: 'content_block_start', index, content_block: block })
  }
  const pushPart = (part: AnswerPart): string => {
    if (part.type === 'call') return begin(toolBlock(part.id, part.name, {}))
    if (part.type === 'arguments')
      return send({
        type: 'content_block_delta',
        index,
        delta: { type: 'input_json_delta', partial_json: part.text },
      })
    if (part.type === 'reasoning') {
      const head = open === 'thinking' ? '' : begin(thinkingBlock(''))
      const delta = { type: 'thinking_delta', thinking: part.text, estimated_tokens: null } as const
      return head + send({ type: 'content_block_delta', index, delta })
    }
    const head = open === 'text' ? '' : begin(textBlock(''))
    return head + send({ type: 'content_block_delta', index, delta: { type: 'text_delta', text: part.text } })
  }
  return {
    keepAlive: () => start() + send({ type: 'ping' }),
    failure: (error) => sseMessage(anthropicError(error), 'error'),
    push(event: AnswerEvent) {
      if (event.type === 'parts') return start() + event.parts.map(pushPart).join('')
      const usage = { ...usageOf(event.result), output_tokens_details: null, server_tool_use: null }
      const delta = { ...stopOf(event.finish, event.result), container: null, stop_details: null }
      return start() + close() + send({ type: 'message_delta', delta, usage })
    },
    end: () => send({ type: 'message_stop' }),
  }
}
