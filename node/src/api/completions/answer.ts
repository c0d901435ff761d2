import { onAbort, type Clock, type Logger } from '@shoal/host'
import type { Engine } from '@shoal/swarm'
import type { ApiError } from '../errors.ts'
import type { AnswersUnderWay, AnswerUnderWay } from './answers-under-way.ts'
import { eventStream } from './event-stream.ts'
import { completeBody, createChunkFormatter } from './format.ts'
import { runGeneration, type ChoiceEvent, type Generation } from './generation.ts'
import { apiLimits } from '../limits.ts'
import type { ApiMetrics } from '../metrics.ts'

export interface AnswerDependencies {
  readonly clock: Clock
  readonly answers: AnswersUnderWay
  readonly metrics: ApiMetrics
  readonly logger: Logger
  /** What the caller is told of a failure. */
  readonly fail: (error: unknown) => ApiError
}

/** The one who asked, and the place that the answer takes. */
export interface AnswerPlace {
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal
  /** Gives the place back; calling it twice is safe. */
  readonly leave: () => void
  /** Ends the connection of a caller that does not read. */
  readonly hangUp: () => void
}

/**
 * Runs a generation and answers with one body, or with a stream of events. The place is given back when the answer ends.
 * @throws {ApiError} what fails before the first token; the place is then the caller's to give back
 */
export async function answer(
  { clock, answers, metrics, logger, fail }: AnswerDependencies,
  engine: Engine,
  generation: Generation,
  { signal, leave, hangUp }: AnswerPlace,
): Promise<Response> {
  const events = measured(
    metrics,
    () => answers.begin(generation.choices.reduce((sum, { maxTokens }) => sum + maxTokens, 0)),
    runGeneration(engine, generation, signal),
  )
  if (!generation.stream) {
    const body = completeBody(generation, await collect(events))
    leave()
    return Response.json(body)
  }
  const end = (): void => {
    leave()
    events.return(undefined).catch((error: unknown) => logger.debug('generation-cancelled', { error }))
  }
  // A caller that leaves before anything was sent never reads the body: nothing else would end the generation.
  onAbort(signal, end)
  // Whatever goes wrong before the first token still gets its own status.
  const first = await events.next()
  return eventStream(chunksOf(generation, first, events), {
    clock,
    onError: (error) => fail(error).body(),
    // Also when the body is given up before its first event.
    onEnd: end,
    onStall: () => {
      logger.info('api-answer-unread', { stallMs: apiLimits.stallMs })
      hangUp()
    },
  })
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
