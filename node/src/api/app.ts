import { Hono } from 'hono'
import type { Clock, Logger, Random } from '@shoal/host'
import { addAnthropic } from './anthropic/routes.ts'
import { checkKey, checkOrigin, type AccessRules } from './access.ts'
import { tellsCallersApart } from './callers.ts'
import { createAnswerer } from './completions/answerer.ts'
import { createAnswersUnderWay } from './completions/answers-under-way.ts'
import { createGate, type GatePlaces } from './completions/gate.ts'
import { requestCosts } from './costs/request-costs.ts'
import { crossOrigin } from './cross-origin.ts'
import { addDashboard } from '../dashboard/server/routes.ts'
import { addElsewhere } from './elsewhere.ts'
import { errorForm } from './error-forms.ts'
import { ApiError, toApiError } from './errors.ts'
import { addForward } from './forward.ts'
import { asIncompleteBody } from './json-body.ts'
import { apiLimits } from './limits.ts'
import { createApiMetrics, type ApiMetrics } from './metrics.ts'
import { addOllama } from './ollama/routes.ts'
import { addOpenAi } from './openai/routes.ts'
import { meantPath, pathLabel, requestPath } from './paths.ts'
import { requestId } from './request-id.ts'
import type { Service } from './service.ts'
import { addTokenize } from './tokenize.ts'
import { addLend } from '../tabs/server/routes.ts'
import type { TabDesk } from '../tabs/server/tab-desk.ts'
import { addViews } from './views.ts'

export interface ApiDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly service: Service
  /** Lets browser tabs serve; absent where none may. */
  readonly tabs?: TabDesk | undefined
}

export interface ApiOptions extends AccessRules {
  /** Default {@link apiLimits}. */
  readonly maxGenerations?: number
}

/** The HTTP API (docs/api.md) as a fetch function: it knows nothing of sockets. */
export function createApi(dependencies: ApiDependencies, options: ApiOptions): Hono {
  const { clock, random, service, logger } = dependencies
  const answers = createAnswersUnderWay(clock)
  const gate = createGate(placesOf(options), () => answers.retryAfterSeconds())
  const metrics = createApiMetrics({ status: () => service.status(), running: () => gate.running })
  const fail = (error: unknown): ApiError => {
    const apiError = toApiError(error, answers.retryAfterSeconds())
    // The caller gets the sentence; the node's owner gets the cause of what is our own failure.
    if (apiError.status === 500) logger.error('api-request-failed', { error: apiError.cause ?? apiError })
    return apiError
  }
  const app = new Hono({ getPath: requestPath })
  app.onError((error, { req }) => fail(asIncompleteBody(error)).response(errorForm(req.path)))
  app.notFound(({ req }) => unknownUrl(req.method, req.path).response(errorForm(req.path)))
  app.use(requestId(random))
  app.use(requestCosts(clock))
  addChecks(app, metrics, options)
  addDashboard(app, dependencies)
  if (dependencies.tabs !== undefined) addLend(app, dependencies.tabs)
  addViews(app, metrics, service)
  const answerer = createAnswerer(service, options, gate, { clock, random, answers, metrics, logger, fail })
  addOpenAi(app, answerer, dependencies)
  addAnthropic(app, answerer, dependencies)
  addOllama(app, answerer, service, dependencies)
  addElsewhere(app)
  addForward(app, answerer)
  addTokenize(app, answerer)
  return app
}

function unknownUrl(method: string, path: string): ApiError {
  const meant = meantPath(path)
  const hint = meant === null ? '' : `; ${meant} is, so the base URL should end in /v1, once`
  return new ApiError(404, `there is no ${method} ${path} here${hint}`, { code: 'unknown_url' })
}

function placesOf(options: ApiOptions): GatePlaces {
  const all = options.maxGenerations ?? apiLimits.maxGenerations
  const perCaller = tellsCallersApart(options) ? Math.max(1, Math.floor(all * apiLimits.callerShare)) : all
  return { all, perCaller }
}

/** What every request passes: counting, and the checks of origin and key. */
function addChecks(app: Hono, metrics: ApiMetrics, rules: AccessRules): void {
  app.use(async (context, next) => {
    await next()
    metrics.request(pathLabel(context.req.path), context.res.status)
    context.header('x-content-type-options', 'nosniff')
  })
  app.use(crossOrigin(rules))
  app.use(async (context, next) => {
    checkOrigin(context.req.raw.headers, rules)
    await next()
  })
  for (const path of ['/v1/*', '/api/*', '/tokenize', '/detokenize', '/swarm/*', '/audit', '/metrics']) {
    app.use(path, async (context, next) => {
      checkKey(context.req.raw.headers, rules)
      await next()
    })
  }
}
