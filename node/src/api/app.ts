import { Hono, type Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Clock, Logger, Random } from '@shoal/host'
import { formatProfile } from '@shoal/model'
import type { Engine, SwarmStatus } from '@shoal/swarm'
import { checkKey, checkOrigin, type AccessRules } from './access.ts'
import { createAnswersUnderWay } from './answers-under-way.ts'
import { dashboard } from './dashboard.ts'
import { ApiError, toApiError } from './errors.ts'
import { eventStream } from './event-stream.ts'
import { completeBody, createChunkFormatter } from './format.ts'
import { createGate } from './gate.ts'
import {
  chatGeneration,
  runGeneration,
  textGeneration,
  type ChoiceEvent,
  type Generation,
} from './generation.ts'
import { apiLimits } from './limits.ts'
import { createApiMetrics } from './metrics.ts'
import { chatRequest, parseBody, textRequest } from './schema.ts'
import { engineOf, type Service } from './service.ts'

export interface ApiDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly service: Service
}

export interface ApiOptions extends AccessRules {
  /** Default {@link apiLimits}. */
  readonly maxGenerations?: number
}

/** The HTTP API of contracts.md as a fetch function: it knows nothing of sockets. */
export function createApi(dependencies: ApiDependencies, options: ApiOptions): Hono {
  const { service, logger } = dependencies
  const answers = createAnswersUnderWay(dependencies.clock)
  const gate = createGate(options.maxGenerations ?? apiLimits.maxGenerations, () =>
    answers.retryAfterSeconds(),
  )
  const metrics = createApiMetrics({ status: () => service.status(), running: () => gate.running })
  const app = new Hono()

  const fail = (error: unknown): ApiError => {
    const apiError = toApiError(error, answers.retryAfterSeconds())
    // The caller gets the sentence; the node's owner gets the cause of what is our own failure.
    if (apiError.status === 500) logger.error('api-request-failed', { error: apiError.cause ?? apiError })
    return apiError
  }

  app.onError((error) => fail(error).response())
  app.notFound((context) =>
    new ApiError(404, `there is no ${context.req.method} ${context.req.path} here`, {
      code: 'unknown_url',
    }).response(),
  )
  app.use(async (context, next) => {
    await next()
    // Unknown paths share one label: a scanner must not fill the registry.
    metrics.request(knownRoutes.has(context.req.path) ? context.req.path : 'other', context.res.status)
    context.header('x-content-type-options', 'nosniff')
  })
  app.use(async (context, next) => {
    checkOrigin(context.req.raw.headers, options)
    await next()
  })
  for (const path of ['/v1/*', '/swarm', '/metrics']) {
    app.use(path, async (context, next) => {
      checkKey(context.req.raw.headers, options)
      await next()
    })
  }
  app.use(
    '/v1/*',
    bodyLimit({
      maxSize: apiLimits.maxBodyBytes,
      onError: () =>
        new ApiError(413, `a request may have at most ${apiLimits.maxBodyBytes} bytes`, {
          code: 'request_too_large',
        }).response(),
    }),
  )

  app.get('/', () => dashboard())
  app.get('/healthz', () => {
    const ready = service.engine() !== null
    const covered = service.status()?.covered ?? ready
    return Response.json(
      {
        status: !ready ? 'loading' : covered ? 'ok' : 'uncovered',
        progress: ready ? null : service.progress(),
      },
      { status: ready && covered ? 200 : 503 },
    )
  })
  app.get(
    '/metrics',
    async () => new Response(await metrics.text(), { headers: { 'content-type': metrics.contentType } }),
  )
  app.get('/swarm', () => {
    const engine = engineOf(service)
    return Response.json(service.status() ?? statusWithoutSwarm(engine))
  })
  app.get('/v1/models', () => Response.json({ object: 'list', data: [describeModel(engineOf(service))] }))
  app.get('/v1/models/:model{.+}', (context) => {
    const engine = engineOf(service)
    checkModel(engine, context.req.param('model'))
    return Response.json(describeModel(engine))
  })
  app.post('/v1/chat/completions', async (context) => {
    const request = parseBody(chatRequest, await jsonOf(context))
    const engine = engineOf(service)
    checkModel(engine, request.model)
    return answer(context, engine, chatGeneration(engine, request, dependencies))
  })
  app.post('/v1/completions', async (context) => {
    const request = parseBody(textRequest, await jsonOf(context))
    const engine = engineOf(service)
    checkModel(engine, request.model)
    return answer(context, engine, textGeneration(engine, request, dependencies))
  })

  const answer = async (context: Context, engine: Engine, generation: Generation): Promise<Response> => {
    const leave = gate.enter()
    const { signal } = context.req.raw
    const events = measured(generation, runGeneration(engine, generation, signal))
    if (!generation.stream) {
      try {
        return Response.json(completeBody(generation, await collect(events)))
      } finally {
        leave()
      }
    }
    // A caller that leaves before anything was sent never reads the body: nothing else would end the generation.
    signal.addEventListener('abort', () => {
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

  async function* measured(
    { choices }: Generation,
    events: AsyncGenerator<ChoiceEvent>,
  ): AsyncGenerator<ChoiceEvent> {
    const answer = answers.begin(choices.reduce((sum, { maxTokens }) => sum + maxTokens, 0))
    let tokens = 0
    try {
      for await (const event of events) {
        if (event.type === 'token') answer.token()
        // Counted as they come, for a rate that moves; an end token comes with no event of its own.
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

  return app
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

const knownRoutes = new Set([
  '/',
  '/healthz',
  '/metrics',
  '/swarm',
  '/v1/models',
  '/v1/chat/completions',
  '/v1/completions',
])

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

async function jsonOf(context: Context): Promise<unknown> {
  // Forms cannot send this type, so that a page cannot post here without asking (and nobody answers its question).
  if (!/^application\/(?:[\w.+-]+\+)?json\b/i.test(context.req.header('content-type') ?? '')) {
    throw new ApiError(400, 'send the header Content-Type: application/json', {
      code: 'invalid_content_type',
    })
  }
  try {
    return await context.req.json()
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new ApiError(400, `the body is not JSON: ${error.message}`, {
        code: 'invalid_json',
        cause: error,
      })
    throw error
  }
}

/** What a swarm of nobody but this process would say. */
function statusWithoutSwarm({ manifest: { id, manifest } }: Engine): SwarmStatus {
  const { blockCount } = manifest.config
  const coverage = Array.from({ length: blockCount }, () => 1)
  return {
    model: manifest.name,
    manifest: id,
    profile: formatProfile(manifest.profile),
    blockCount,
    peers: [],
    coverage,
    covered: true,
    snapshotHash: '',
    planHash: '',
    placements: [],
  }
}

function describeModel(engine: Engine): object {
  const { name, config } = engine.manifest.manifest
  return {
    id: name,
    object: 'model',
    created: 0,
    owned_by: 'shoal',
    manifest: engine.manifest.id,
    context_length: config.contextLength,
  }
}

function checkModel(engine: Engine, asked: string): void {
  const { name } = engine.manifest.manifest
  if (asked === name || asked === engine.manifest.id) return
  throw new ApiError(404, `model '${asked}' is not served here; this is '${name}'`, {
    code: 'model_not_found',
    param: 'model',
  })
}
