import { ApiFailure, failureOf } from './api-failure.ts'
import { webLimits } from './limits.ts'
import { waitFor } from './wait.ts'

/** What happens to a request before its answer begins. */
export type RequestEvent =
  | { readonly type: 'sent'; readonly path: string; readonly attempt: number }
  | {
      readonly type: 'retry'
      readonly path: string
      readonly attempt: number
      readonly waitMs: number
      readonly failure: ApiFailure
    }
  | { readonly type: 'answered'; readonly path: string; readonly status: number }

export interface RequestOptions {
  /** Where a node serves its API, e.g. `http://127.0.0.1:8090`. */
  readonly api: string
  readonly apiKey?: string
  /** Attempts after the first; default 3. */
  readonly retries?: number
  readonly onEvent?: (event: RequestEvent) => void
  /** In place of the global one. */
  readonly fetch?: typeof fetch
  /** Waits so long, or rejects when the signal aborts. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>
}

/** Sends a request, and again while no answer has begun and another attempt may help. @throws {ApiFailure} */
export async function send(
  options: RequestOptions,
  path: string,
  body: object | null,
  signal: AbortSignal,
): Promise<Response> {
  const retries = options.retries ?? webLimits.retries
  for (let attempt = 0; ; attempt += 1) {
    options.onEvent?.({ type: 'sent', path, attempt })
    const outcome = await attemptOf(options, path, body, signal)
    if (outcome instanceof Response) {
      options.onEvent?.({ type: 'answered', path, status: outcome.status })
      return outcome
    }
    const waitMs = outcome.retryAfterMs ?? webLimits.retryWaitMs * 2 ** attempt
    if (attempt >= retries || !mayPass(outcome) || waitMs > webLimits.retryWaitMsMax) throw outcome
    options.onEvent?.({ type: 'retry', path, attempt, waitMs, failure: outcome })
    await (options.wait ?? waitFor)(waitMs, signal)
  }
}

async function attemptOf(
  { api, apiKey, fetch: ask = fetch }: RequestOptions,
  path: string,
  body: object | null,
  signal: AbortSignal,
): Promise<Response | ApiFailure> {
  const url = `${api.replace(/\/+$/, '')}${path}`
  try {
    const response = await ask(url, {
      method: body === null ? 'GET' : 'POST',
      headers: {
        ...(body !== null && { 'content-type': 'application/json' }),
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      },
      ...(body !== null && { body: JSON.stringify(body) }),
      signal,
    })
    return response.ok ? response : await failureOf(response)
  } catch (error) {
    // An abort is the caller's own.
    signal.throwIfAborted()
    return new ApiFailure(`no node answers at ${api}`, { status: null, code: 'unreachable', cause: error })
  }
}

/** A node without an answer, with all places taken or without its model or a route may have all of them later. */
const mayPass = ({ status }: ApiFailure): boolean => status === null || status === 429 || status === 503
