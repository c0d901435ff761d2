import type { IncomingMessage, ServerResponse } from 'node:http'
import { Hono, type Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Clock, Logger, Random } from '@shoal/host'
import type { Engine } from '@shoal/swarm'
import { checkKey, checkOrigin, type AccessRules } from './access.ts'
import { answer, type AnswerDependencies } from './completions/answer.ts'
import { crossOrigin } from './cross-origin.ts'
import { createAnswersUnderWay } from './completions/answers-under-way.ts'
import { callerOf, tellsCallersApart } from './callers.ts'
import { ApiError, toApiError } from './errors.ts'
import { forwardAnswer, forwardRequest } from './forward.ts'
import { createGate, type Gate, type GatePlaces } from './completions/gate.ts'
import { chatGeneration, textGeneration, type Generation } from './completions/generation.ts'
import { apiLimits } from './limits.ts'
import { createApiMetrics, type ApiMetrics } from './metrics.ts'
import { checkModel, describeModel, statusWithoutSwarm } from './models.ts'
import { chatRequest, parseBody, textRequest } from './completions/schema.ts'
import { engineOf, type Service } from './service.ts'
import { addDashboard } from '../dashboard/server/routes.ts'

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

/** The HTTP API (docs/api.md) as a fetch function: it knows nothing of sockets. */
export function createApi(dependencies: ApiDependencies, options: ApiOptions): Hono {
  const { service, logger } = dependencies
  const answers = createAnswersUnderWay(dependencies.clock)
  const gate = createGate(placesOf(options), () => answers.retryAfterSeconds())
  const metrics = createApiMetrics({ status: () => service.status(), running: () => gate.running })
  const fail = (error: unknown): ApiError => {
    const apiError = toApiError(error, answers.retryAfterSeconds())
    // The caller gets the sentence; the node's owner gets the cause of what is our own failure.
    if (apiError.status === 500) logger.error('api-request-failed', { error: apiError.cause ?? apiError })
    return apiError
  }
  const app = new Hono()
  app.onError((error) => fail(asIncompleteBody(error)).response())
  app.notFound((context) =>
    new ApiError(404, `there is no ${context.req.method} ${context.req.path} here`, {
      code: 'unknown_url',
    }).response(),
  )
  addChecks(app, metrics, options)
  addDashboard(app, dependencies)
  addViews(app, metrics, service)
  const answering = { clock: dependencies.clock, answers, metrics, logger, fail }
  addCompletions(app, dependencies, options, gate, answering)
  return app
}

function placesOf(options: ApiOptions): GatePlaces {
  const all = options.maxGenerations ?? apiLimits.maxGenerations
  const perCaller = tellsCallersApart(options) ? Math.max(1, Math.floor(all * apiLimits.callerShare)) : all
  return { all, perCaller }
}

/** What every request passes: counting, the checks of origin and key, the limit of its size. */
function addChecks(app: Hono, metrics: ApiMetrics, rules: AccessRules): void {
  app.use(async (context, next) => {
    await next()
    // Unknown paths share one label: a scanner must not fill the registry.
    metrics.request(knownRoutes.has(context.req.path) ? context.req.path : 'other', context.res.status)
    context.header('x-content-type-options', 'nosniff')
  })
  app.use(crossOrigin(rules))
  app.use(async (context, next) => {
    checkOrigin(context.req.raw.headers, rules)
    await next()
  })
  for (const path of ['/v1/*', '/swarm/*', '/audit', '/metrics']) {
    app.use(path, async (context, next) => {
      checkKey(context.req.raw.headers, rules)
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
}

const knownRoutes = new Set([
  '/',
  '/healthz',
  '/metrics',
  '/swarm',
  '/swarm/events',
  '/audit',
  '/v1/models',
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/forward',
])

/** What only shows something: health, metrics, the swarm, the models. */
function addViews(app: Hono, metrics: ApiMetrics, service: Service): void {
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
  app.get('/audit', () => {
    const report = service.audits()
    if (report === null) throw new ApiError(404, 'nothing is audited here: there is no swarm')
    return Response.json(report)
  })
  app.get('/v1/models', () => Response.json({ object: 'list', data: [describeModel(engineOf(service))] }))
  app.get('/v1/models/:model{.+}', (context) => {
    const engine = engineOf(service)
    checkModel(engine, context.req.param('model'))
    return Response.json(describeModel(engine))
  })
}

/** What Hono's server hands over beside the request; nothing where the API is called without a socket. */
interface Sockets {
  readonly incoming?: IncomingMessage
  readonly outgoing?: ServerResponse
}

function addCompletions(
  app: Hono,
  dependencies: ApiDependencies,
  rules: AccessRules,
  gate: Gate,
  answering: AnswerDependencies,
): void {
  /** Takes a place before the prompt is rendered and tokenised, so that this work is bounded too. */
  const answerIn = async (
    context: Context,
    engine: Engine,
    generationOf: () => Promise<Generation>,
  ): Promise<Response> => {
    const { headers, signal } = context.req.raw
    const { incoming, outgoing } = (context.env ?? {}) as Sockets
    const leave = gate.enter(callerOf(checkKey(headers, rules), incoming?.socket.remoteAddress))
    try {
      return await answer(answering, engine, await generationOf(), {
        signal,
        leave,
        hangUp: () => void outgoing?.destroy(),
      })
    } catch (error) {
      leave()
      throw error
    }
  }
  app.post('/v1/chat/completions', async (context) => {
    const request = parseBody(chatRequest, await jsonOf(context))
    const engine = engineOf(dependencies.service)
    checkModel(engine, request.model)
    return answerIn(context, engine, () => chatGeneration(engine, request, dependencies))
  })
  app.post('/v1/completions', async (context) => {
    const request = parseBody(textRequest, await jsonOf(context))
    const engine = engineOf(dependencies.service)
    checkModel(engine, request.model)
    return answerIn(context, engine, () => textGeneration(engine, request, dependencies))
  })
  app.post('/v1/forward', async (context) => {
    const request = parseBody(forwardRequest, await jsonOf(context))
    const engine = engineOf(dependencies.service)
    checkModel(engine, request.model)
    const { headers, signal } = context.req.raw
    const { incoming } = (context.env ?? {}) as Sockets
    const leave = gate.enter(callerOf(checkKey(headers, rules), incoming?.socket.remoteAddress))
    return forwardAnswer(engine, request, signal).finally(leave)
  })
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

/**
 * Node ends a request's body with a reset when the caller has gone or its chunks are broken. Nobody may be left to read
 * the answer, but it is no failure of this node.
 */
function asIncompleteBody(error: Error): Error {
  if (!('code' in error) || error.code !== 'ECONNRESET') return error
  return new ApiError(400, 'the request ended before its body was complete', {
    code: 'incomplete_body',
    cause: error,
  })
}
