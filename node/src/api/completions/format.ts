import type { GenerateEvent, GenerateResult, TokenLogprob } from '@shoal/swarm'
import { usageOf, type ChoiceEvent, type Generation, type Usage } from './generation.ts'

type Logprob = NonNullable<Extract<GenerateEvent, { type: 'token' }>['logprob']>

const encoder = new TextEncoder()

const chatToken = ({ text, logprob }: TokenLogprob): object => ({
  token: text,
  logprob,
  bytes: [...encoder.encode(text)],
})

const chatLogprobs = (logprobs: readonly Logprob[]): object => ({
  content: logprobs.map((entry) => ({ ...chatToken(entry), top_logprobs: entry.top.map(chatToken) })),
  refusal: null,
})

/** The older form: parallel arrays, and where each token starts in the text. */
function textLogprobs(logprobs: readonly Logprob[], startOffset: number): object {
  let offset = startOffset
  const offsets = logprobs.map(({ text }) => {
    const here = offset
    offset += text.length
    return here
  })
  return {
    tokens: logprobs.map(({ text }) => text),
    token_logprobs: logprobs.map(({ logprob }) => logprob),
    top_logprobs: logprobs.map(({ top }) =>
      Object.fromEntries(top.map(({ text, logprob }) => [text, logprob])),
    ),
    text_offset: offsets,
  }
}

/** Only a cancelled generation has no reason of OpenAI's; nobody reads that answer. */
const finishReasonOf = (result: GenerateResult): 'stop' | 'length' =>
  result.finishReason === 'length' ? 'length' : 'stop'

function envelope(generation: Generation, chunk: boolean): object {
  const object =
    generation.kind === 'text' ? 'text_completion' : chunk ? 'chat.completion.chunk' : 'chat.completion'
  return {
    id: generation.id,
    object,
    created: generation.created,
    model: generation.model,
    system_fingerprint: generation.fingerprint,
  }
}

/** The whole answer of a call without `stream`. */
export function completeBody(generation: Generation, events: readonly ChoiceEvent[]): object {
  const results: GenerateResult[] = []
  const choices = generation.choices.map((_, index) => {
    const own = events.filter((event) => event.index === index)
    const logprobs = own.flatMap((event) =>
      event.type === 'token' && event.logprob !== undefined ? [event.logprob] : [],
    )
    const done = own.find((event) => event.type === 'done')
    if (done === undefined)
      throw new Error(`generation ${generation.id} ended without a result for choice ${index}`)
    results.push(done.result)
    const finish = finishReasonOf(done.result)
    if (generation.kind === 'text') {
      return {
        index,
        text: done.result.text,
        logprobs: generation.wantsLogprobs ? textLogprobs(logprobs, 0) : null,
        finish_reason: finish,
      }
    }
    return {
      index,
      message: { role: 'assistant', content: done.result.text, refusal: null },
      logprobs: generation.wantsLogprobs ? chatLogprobs(logprobs) : null,
      finish_reason: finish,
    }
  })
  return { ...envelope(generation, false), choices, usage: usageOf(generation, results) }
}

/** Turns events into the chunks of a stream, in OpenAI's order: role, text, finish reason; then usage if asked for. */
export interface ChunkFormatter {
  /** Chunks for one event; possibly none. */
  push(event: ChoiceEvent): object[]
  /** The last chunk of all, or none. */
  end(): object[]
}

export function createChunkFormatter(generation: Generation): ChunkFormatter {
  const results: GenerateResult[] = []
  const started = new Set<number>()
  const offsets = new Map<number, number>()
  const usage: { usage?: Usage | null } = generation.includeUsage ? { usage: null } : {}
  const chunk = (choice: object): object => ({ ...envelope(generation, true), choices: [choice], ...usage })

  const chatChunks = (event: ChoiceEvent): object[] => {
    const { index } = event
    const chunks: object[] = []
    if (!started.has(index))
      chunks.push(
        chunk({
          index,
          delta: { role: 'assistant', content: '', refusal: null },
          logprobs: null,
          finish_reason: null,
        }),
      )
    started.add(index)
    const logprobs =
      event.type === 'token' && event.logprob !== undefined ? chatLogprobs([event.logprob]) : null
    if (event.text !== '' || logprobs !== null)
      chunks.push(chunk({ index, delta: { content: event.text }, logprobs, finish_reason: null }))
    if (event.type === 'done')
      chunks.push(chunk({ index, delta: {}, logprobs: null, finish_reason: finishReasonOf(event.result) }))
    return chunks
  }

  const textChunks = (event: ChoiceEvent): object[] => {
    const { index, text } = event
    const offset = offsets.get(index) ?? 0
    if (event.type === 'done')
      return [chunk({ index, text, logprobs: null, finish_reason: finishReasonOf(event.result) })]
    const logprobs = event.logprob === undefined ? null : textLogprobs([event.logprob], offset)
    offsets.set(index, offset + (event.logprob?.text.length ?? 0))
    return text === '' && logprobs === null ? [] : [chunk({ index, text, logprobs, finish_reason: null })]
  }

  return {
    push(event) {
      if (event.type === 'done') results.push(event.result)
      return generation.kind === 'chat' ? chatChunks(event) : textChunks(event)
    },
    end: () =>
      generation.includeUsage
        ? [{ ...envelope(generation, true), choices: [], usage: usageOf(generation, results) }]
        : [],
  }
}
