import type { ChatResponse, GenerateResponse, Message, ToolCall } from 'ollama'
import type { GenerateResult } from '@shoal/swarm'
import type { ApiError } from '../errors.ts'
import type { Face, FaceStream } from '../completions/face.ts'
import type { Generation } from '../completions/generation.ts'
import { argumentsOf } from '../completions/history.ts'
import type { AnswerEvent, AnswerPart, FinishReason, Logprob, WholeAnswer } from '../completions/run.ts'

/** What one message says; the two endpoints write it differently. */
interface Said {
  readonly content: string
  readonly thinking: string
  readonly calls: readonly WholeAnswer['calls'][number][]
}
type Write = (said: Said) => Partial<GenerateResponse> | Pick<ChatResponse, 'message'>

const silence: Said = { content: '', thinking: '', calls: [] }

const inMessage: Write = ({ content, thinking, calls }) => {
  const message: Message = {
    role: 'assistant',
    content,
    ...(thinking !== '' && { thinking }),
    ...(calls.length > 0 && { tool_calls: calls.map(callOf) }),
  }
  return { message }
}

const inResponse: Write = ({ content, thinking }) => ({
  response: content,
  ...(thinking !== '' && { thinking }),
})

function callOf(call: WholeAnswer['calls'][number], index: number): ToolCall & { id: string } {
  const called = { index, name: call.name, arguments: { ...argumentsOf(call.arguments) } }
  return { id: `call_${call.id}`, function: called }
}

/** An error as Ollama's clients expect it. */
export const ollamaError = ({ message }: ApiError): object => ({ error: message })

export const chatFace: Face = faceOf(inMessage)
export const generateFace: Face = faceOf(inResponse)

/** Ollama's answers: lines of JSON, the last of which has the counts and times. */
function faceOf(write: Write): Face {
  return {
    streamType: 'application/x-ndjson',
    whole: (generation, [answer]) =>
      answer === undefined
        ? line(generation, write(silence))
        : {
            ...line(generation, write({ ...answer, thinking: answer.reasoning })),
            ...ending(answer.finish, answer.result),
            ...(generation.wantsLogprobs && { logprobs: logprobsOf(answer.logprobs) }),
          },
    stream: (generation) => lines(generation, write),
  }
}

const line = ({ model, created }: Generation, said: object): object => ({
  model,
  created_at: new Date(created * 1000).toISOString(),
  ...said,
  done: false,
})

/** The answer to a request without a prompt, by which clients have a model loaded. */
export function loaded(model: string, write: 'chat' | 'generate', wallMs: number): object {
  const said = write === 'chat' ? inMessage(silence) : inResponse(silence)
  return { model, created_at: new Date(wallMs).toISOString(), ...said, done: true, done_reason: 'load' }
}

const nanoseconds = (ms: number): number => Math.round(ms * 1e6)

/** The time to the first token counts as that of the prompt. */
function ending(finish: FinishReason, result: GenerateResult): object {
  const { promptTokens, completionTokens, ttftMs, tokensPerSecond } = result
  const decodeMs = tokensPerSecond > 0 ? ((completionTokens - 1) / tokensPerSecond) * 1000 : 0
  return {
    done: true,
    done_reason: finish === 'length' ? 'length' : 'stop',
    total_duration: nanoseconds(ttftMs + decodeMs),
    load_duration: 0,
    prompt_eval_count: promptTokens,
    prompt_eval_duration: nanoseconds(ttftMs),
    eval_count: completionTokens,
    eval_duration: nanoseconds(decodeMs),
  }
}

const logprobsOf = (logprobs: readonly Logprob[]): GenerateResponse['logprobs'] =>
  logprobs.map(({ text, logprob, top }) => ({
    token: text,
    logprob,
    top_logprobs: top.map((other) => ({ token: other.text, logprob: other.logprob })),
  }))

function lines(generation: Generation, write: Write): FaceStream {
  const send = (said: object): string => `${JSON.stringify(said)}\n`
  /** Ollama sends calls whole. */
  let call: { id: string; name: string; arguments: string } | null = null
  const close = (): string => {
    const done = call
    call = null
    return done === null ? '' : send(line(generation, write({ ...silence, calls: [done] })))
  }
  const pushPart = (part: AnswerPart): string => {
    if (part.type === 'arguments') {
      if (call !== null) call.arguments += part.text
      return ''
    }
    const before = close()
    if (part.type === 'call') {
      call = { id: part.id, name: part.name, arguments: '' }
      return before
    }
    const said = part.type === 'content' ? { content: part.text } : { thinking: part.text }
    return before + send(line(generation, write({ ...silence, ...said })))
  }
  return {
    keepAlive: () => send(line(generation, write(silence))),
    failure: (error) => send(ollamaError(error)),
    push(event: AnswerEvent) {
      if (event.type === 'done')
        return close() + send({ ...line(generation, write(silence)), ...ending(event.finish, event.result) })
      const text = event.parts.map(pushPart).join('')
      if (event.logprob === null) return text
      const logprobs = logprobsOf([event.logprob])
      return text + send({ ...line(generation, write(silence)), logprobs })
    },
    end: () => '',
  }
}
