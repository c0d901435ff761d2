import { ShoalError, type ErrorCode } from '@shoal/host'
import { ModelError } from '@shoal/model'

/** What a caller is told: a status, and a body in the form of its dialect; OpenAI's is `{error: {message, type, param, code}}`. */
export class ApiError extends Error {
  readonly status: number
  readonly type: string
  readonly code: string | null
  readonly param: string | null
  readonly headers: Readonly<Record<string, string>>
  /** Further fields of the error object, e.g. progress. */
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    status: number,
    message: string,
    options: {
      type?: string
      code?: string
      param?: string
      headers?: Record<string, string>
      details?: Record<string, unknown>
      cause?: unknown
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ApiError'
    this.status = status
    this.type = options.type ?? typeOf(status)
    this.code = options.code ?? null
    this.param = options.param ?? null
    this.headers = options.headers ?? {}
    this.details = options.details ?? {}
  }

  body(): { error: Record<string, unknown> } {
    return {
      error: { message: this.message, type: this.type, param: this.param, code: this.code, ...this.details },
    }
  }

  response(form: ErrorForm = openAiError): Response {
    return Response.json(form(this), { status: this.status, headers: this.headers })
  }
}

/** The body of an error in one dialect of the API. */
export type ErrorForm = (error: ApiError) => object

const openAiError: ErrorForm = (error) => error.body()

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}

/** Which HTTP status a refusal of the swarm is. Codes that only peers see are our own failure here. */
const statuses: Partial<Record<ErrorCode, number>> = {
  'bad-request': 400,
  'limit-exceeded': 400,
  'not-found': 404,
  'no-capacity': 429,
  // Nobody is left to read it; nginx's number tells it from our failures in the metrics.
  cancelled: 499,
  'no-route': 503,
  'not-ready': 503,
  'peer-vanished': 503,
  'deadline-passed': 504,
}

/** The answer for whatever a request threw. A bug's message stays inside: `internal` is all the caller learns. */
export function toApiError(error: unknown, retryAfterSeconds: number): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof ModelError) {
    return new ApiError(
      error.code === 'bad-request' || error.code === 'limit-exceeded' ? 400 : 500,
      error.message,
      { code: error.code, cause: error },
    )
  }
  if (!(error instanceof ShoalError))
    return new ApiError(500, 'internal error; the log of the node has more', {
      code: 'internal',
      cause: error,
    })
  const status = statuses[error.code] ?? 500
  const again = status === 429 || status === 503
  return new ApiError(status, error.message, {
    code: error.code,
    cause: error,
    ...(again && { headers: { 'retry-after': String(retryAfterSeconds) } }),
  })
}
