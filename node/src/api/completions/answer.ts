import { onAbort, type Clock, type Logger, type Random } from '@shoal/host'
import type { Engine } from '@shoal/swarm'
import type { ApiError } from '../errors.ts'
import type { AnswersUnderWay, AnswerUnderWay } from './answers-under-way.ts'
import { eventStream, orLate } from './event-stream.ts'
import type { Face, FaceStream } from './face.ts'
import type { Generation } from './generation.ts'
import { answerHeaders, streamHeaders } from './headers.ts'
import { collectAnswers, countTokens, runGeneration, type AnswerEvent } from './run.ts'
import { apiLimits } from '../limits.ts'
import type { ApiMetrics } from '../metrics.ts'

export interface AnswerDependencies {
  readonly clock: Clock
  readonly random: Random
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
  /** When the request came, on the clock. */
  readonly sinceMs: number
  /** Gives the place back; calling it twice is safe. */
  readonly leave: () => void
  /** Counts tokens of the caller's prompt and answer. */
  readonly spend: (tokens: number) => void
  /** Ends the connection of a caller that does not read. */
  readonly hangUp: () => void
}

/**
 * Runs a generation and answers with one body, or with a stream of events. The place is given back when the answer ends.
 * @throws {ApiError} what fails before the first token; the place is then the caller's to give back
 */
export async function answer(
  dependencies: AnswerDependencies,
  generate: Engine['generate'],
  generation: Generation,
  place: AnswerPlace,
  face: Face,
  stream: boolean,
): Promise<Response> {
  const { answers, clock, metrics, random } = dependencies
  const startMs = clock.nowMs()
  // The caller's leaving and the end of its stream both stop the computation, whatever it waits for.
  const over = new AbortController()
  onAbort(place.signal, () => over.abort(place.signal.reason))
  place.spend(countTokens(generation, []).prompt)
  const events = measured(
    (tokens) => {
      metrics.tokens(tokens)
      place.spend(tokens)
    },
    metrics,
    () => answers.begin(generation.choices.reduce((sum, { maxTokens }) => sum + maxTokens, 0)),
    runGeneration(generate, generation, random, over.signal),
  )
  if (stream) return streamed(dependencies, generation, place, face, { events, over, startMs })
  const whole = await collectAnswers(events)
  place.leave()
  const times = { sinceMs: place.sinceMs, startMs, endMs: clock.nowMs() }
  return Response.json(face.whole(generation, whole), { headers: answerHeaders(whole, times) })
}

interface Running {
  readonly events: AsyncGenerator<AnswerEvent>
  readonly over: AbortController
  readonly startMs: number
}

async function streamed(
  { clock, logger, fail }: AnswerDependencies,
  generation: Generation,
  place: AnswerPlace,
  face: Face,
  { events, over, startMs }: Running,
): Promise<Response> {
  const end = async (): Promise<void> => {
    place.leave()
    over.abort()
    try {
      await events.return(undefined)
    } catch (error) {
      logger.debug('generation-cancelled', { error })
    }
  }
  // A caller that leaves before anything was sent never reads the body: nothing else would end the generation.
  onAbort(place.signal, () => {
    end().catch((error: unknown) => logger.debug('generation-cancelled', { error }))
  })
  // What goes wrong at once still gets its own status; then the headers go out, however long the prompt takes.
  const first = events.next()
  first.catch((error: unknown) => logger.debug('generation-failed', { error }))
  const late = (await orLate(first, clock, apiLimits.headersWithinMs)) === 'late'
  const stream = face.stream(generation)
  return eventStream(textsOf(stream, first, events), {
    clock,
    late,
    headers: { 'content-type': face.streamType, ...streamHeaders(place.sinceMs, startMs) },
    keepAlive: () => stream.keepAlive(),
    onError: (error) => stream.failure(fail(error)),
    // Also when the body is given up before its first event.
    onEnd: end,
    onStall: () => {
      logger.info('api-answer-unread', { stallMs: apiLimits.stallMs })
      place.hangUp()
    },
  })
}

/** Counts tokens as they come, for a rate that moves. An end token comes with no event of its own. */
async function* measured(
  spend: (tokens: number) => void,
  metrics: ApiMetrics,
  begin: () => AnswerUnderWay,
  events: AsyncGenerator<AnswerEvent>,
): AsyncGenerator<AnswerEvent> {
  // Only when the first event is asked for: a generator that never began runs no `finally`.
  const answer = begin()
  let tokens = 0
  try {
    for await (const event of events) {
      if (event.type === 'parts' && event.token) {
        tokens += 1
        answer.token()
        spend(1)
      } else if (event.type === 'done') {
        spend(event.result.completionTokens - tokens)
        metrics.generated(event.result)
        tokens = 0
      }
      yield event
    }
  } finally {
    answer.end()
  }
}

async function* textsOf(
  stream: FaceStream,
  first: Promise<IteratorResult<AnswerEvent>>,
  rest: AsyncGenerator<AnswerEvent>,
): AsyncGenerator<string> {
  const begun = await first
  if (begun.done !== true) {
    yield stream.push(begun.value)
    for await (const event of rest) yield stream.push(event)
  }
  yield stream.end()
}
