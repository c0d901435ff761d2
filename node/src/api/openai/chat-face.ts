import type { GenerateResult } from '@shoal/swarm'
import { eventStreamType, sseComment, sseMessage, type Face, type FaceStream } from '../completions/face.ts'
import type { Generation } from '../completions/generation.ts'
import type { AnswerEvent, AnswerPart, WholeAnswer } from '../completions/run.ts'
import { chatLogprobs } from './logprobs.ts'
import { usageOf } from './usage.ts'

const idOf = (id: string): string => `call_${id}`

function envelope(generation: Generation, object: 'chat.completion' | 'chat.completion.chunk'): object {
  return {
    id: `chatcmpl-${generation.id}`,
    object,
    created: generation.created,
    model: generation.model,
    system_fingerprint: generation.fingerprint,
  }
}

function messageOf({ content, reasoning, calls }: WholeAnswer): object {
  return {
    role: 'assistant',
    // Clients take null for "only calls".
    content: content === '' && calls.length > 0 ? null : content,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    refusal: null,
    ...(calls.length > 0 && {
      tool_calls: calls.map((call) => ({
        id: idOf(call.id),
        type: 'function',
        function: { name: call.name, arguments: call.arguments },
      })),
    }),
  }
}

/** OpenAI's chat completions. @param includeUsage a last chunk counts the tokens */
export function chatFace(includeUsage: boolean): Face {
  return {
    streamType: eventStreamType,
    whole: (generation, answers) => ({
      ...envelope(generation, 'chat.completion'),
      choices: answers.map((answer) => ({
        index: answer.index,
        message: messageOf(answer),
        logprobs: generation.wantsLogprobs ? chatLogprobs(answer.logprobs) : null,
        finish_reason: answer.finish,
      })),
      usage: usageOf(
        generation,
        answers.map(({ result }) => result),
      ),
    }),
    stream: (generation) => chatStream(generation, includeUsage),
  }
}

/** Chunks in OpenAI's order: role, text and calls, finish reason; then usage if asked for. */
function chatStream(generation: Generation, includeUsage: boolean): FaceStream {
  const results: GenerateResult[] = []
  const started = new Set<number>()
  let call = -1
  const usage = includeUsage ? { usage: null } : {}
  const chunk = (index: number, delta: object, logprobs: object | null, finish: string | null): string =>
    sseMessage({
      ...envelope(generation, 'chat.completion.chunk'),
      choices: [{ index, delta, logprobs, finish_reason: finish }],
      ...usage,
    })
  const deltaOf = (part: AnswerPart): object => {
    if (part.type === 'content') return { content: part.text }
    if (part.type === 'reasoning') return { reasoning_content: part.text }
    if (part.type === 'arguments')
      return { tool_calls: [{ index: call, function: { arguments: part.text } }] }
    call = part.number
    const called = { name: part.name, arguments: '' }
    return { tool_calls: [{ index: call, id: idOf(part.id), type: 'function', function: called }] }
  }
  const push = (event: AnswerEvent): string => {
    const { index } = event
    let text = ''
    if (!started.has(index))
      text += chunk(index, { role: 'assistant', content: '', refusal: null }, null, null)
    started.add(index)
    if (event.type === 'done') {
      results.push(event.result)
      return text + chunk(index, {}, null, event.finish)
    }
    const logprobs = event.logprob === null ? null : chatLogprobs([event.logprob])
    const deltas = event.parts.map(deltaOf)
    // A token whose text is held back has log-probabilities nevertheless.
    if (deltas.length === 0 && logprobs !== null) deltas.push({ content: '' })
    return text + deltas.map((delta, at) => chunk(index, delta, at === 0 ? logprobs : null, null)).join('')
  }
  return {
    push,
    keepAlive: () => sseComment,
    failure: (error) => sseMessage(error.body()),
    end: () =>
      (includeUsage
        ? sseMessage({
            ...envelope(generation, 'chat.completion.chunk'),
            choices: [],
            usage: usageOf(generation, results),
          })
        : '') + 'data: [DONE]\n\n',
  }
}
