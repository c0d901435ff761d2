import { onAbort, type Logger } from '@shoal/host'
import type { Engine } from '@shoal/swarm'
import type { ApiError } from '../errors.ts'
import type { AnswersUnderWay, AnswerUnderWay } from './answers-under-way.ts'
import { eventStream } from './event-stream.ts'
import { completeBody, createChunkFormatter } from './format.ts'
import type { Gate } from './gate.ts'
import { runGeneration, type ChoiceEvent, type Generation } from './generation.ts'
import type { ApiMetrics } from '../metrics.ts'

export interface AnswerDependencies {
  readonly gate: Gate
  readonly answers: AnswersUnderWay
  readonly metrics: ApiMetrics
  readonly logger: Logger
  /** What the caller is told of a failure. */
  readonly fail: (error: unknown) => ApiError
}

/**
 * Runs a generation and answers with one body, or with a stream of events.
 * @param signal aborts when the caller has gone
 * @throws {ApiError} 429 when too many generations run, and what fails before the first token
 */
export async function answer(
  { gate, answers, metrics, logger, fail }: AnswerDependencies,
  engine: Engine,
  generation: Generation,
  signal: AbortSignal,
): Promise<Response> {
  const leave = gate.enter()
  const events = measured(
    metrics,
    () => answers.begin(generation.choices.reduce((sum, { maxTokens }) => sum + maxTokens, 0)),
    runGeneration(engine, generation, signal),
  )
  if (!generation.stream) {
    try {
      return Response.json(completeBody(generation, await collect(events)))
    } finally {
      leave()
    }
  }
  // A caller that leaves before anything was sent never reads the body: nothing else would end the generation.
  onAbort(signal, () => {
    leave()
    events.return(undefined).catch((error: unknown) => logger.debug('generation-cancelled', { error }))
  })
  try {
    // Whatever goes wrong before the first token still gets its own status.
    const first = await events.next()
    return eventStream(chunksOf(generation, first, events), {
      onError: (error) => fail(error).body(),
      onEnd: leave,
    })
  } catch (error) {
    leave()
    throw error
  }
}

/** Counts tokens as they come, for a rate that moves. An end token comes with no event of its own. */
async function* measured(
  metrics: ApiMetrics,
  begin: () => AnswerUnderWay,
  events: AsyncGenerator<ChoiceEvent>,
): AsyncGenerator<ChoiceEvent> {
  // Only when the first event is asked for: a generator that never began runs no `finally`.
  const answer = begin()
  let tokens = 0
  try {
    for await (const event of events) {
      if (event.type === 'token') answer.token()
      const tokensNow = event.type === 'token' ? tokens + 1 : event.result.completionTokens
      metrics.tokens(tokensNow - tokens)
      tokens = event.type === 'token' ? tokensNow : 0
      if (event.type === 'done') metrics.generated(event.result)
      yield event
    }
  } finally {
    answer.end()
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

async function* chunksOf(
  generation: Generation,
  first: IteratorResult<ChoiceEvent>,
  rest: AsyncGenerator<ChoiceEvent>,
): AsyncGenerator<object> {
  const formatter = createChunkFormatter(generation)
  if (first.done !== true) {
    try {
      yield* formatter.push(first.value)
      for await (const event of rest) yield* formatter.push(event)
    } finally {
      // Leaving before the loop has begun would leave the generation running.
      await rest.return(undefined)
    }
  }
  yield* formatter.end()
}
