import { createVirtualClock, seededRandom, silentLogger, type Logger, type VirtualClock } from '@shoal/host'
import type { Hono } from 'hono'
import { createApi, type ApiOptions } from '../app.ts'
import { createLoadingService } from '../service.ts'
import { createFakeEngine, type FakeEngine } from './fake-engine.ts'

export const headers = { host: 'localhost:8090', 'content-type': 'application/json' }

/** A caller of the API of an engine without a model. */
export interface ApiClient {
  readonly engine: FakeEngine
  readonly app: Hono
  get(path: string): Promise<Response>
  /** @param body sent as it is when it is a text, as JSON otherwise */
  post(path: string, body: unknown, extra?: Record<string, string>): Promise<Response>
  /** Five tokens after `abc`, unless `fields` say otherwise. */
  chat(fields?: object): Promise<Response>
  text(fields?: object): Promise<Response>
}

export function createApiClient(
  options: Partial<ApiOptions> = {},
  parts: { loading?: boolean; logger?: Logger; engine?: FakeEngine; clock?: VirtualClock } = {},
): ApiClient {
  const {
    engine = createFakeEngine(),
    logger = silentLogger,
    clock = createVirtualClock(1_700_000_000_000),
  } = parts
  const service = createLoadingService()
  if (parts.loading === true) service.onProgress({ activity: 'pack', doneBytes: 25, totalBytes: 100 })
  else service.ready({ engine, status: () => null })
  const app = createApi(
    { clock, random: seededRandom(1), logger, service },
    { keys: [], loopback: true, ...options },
  )
  const post: ApiClient['post'] = async (path, body, extra = {}) =>
    app.request(path, {
      method: 'POST',
      headers: { ...headers, ...extra },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
  const common = { model: 'letters', max_tokens: 5, seed: 7 }
  return {
    engine,
    app,
    get: async (path) => app.request(path, { headers }),
    post,
    chat: (fields = {}) =>
      post('/v1/chat/completions', {
        ...common,
        messages: [{ role: 'user', content: 'abc' }],
        ...fields,
      }),
    text: (fields = {}) => post('/v1/completions', { ...common, prompt: 'abc', ...fields }),
  }
}
