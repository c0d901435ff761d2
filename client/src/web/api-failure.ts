/** A refusal of the node, or a node that was not reached. */
export class ApiFailure extends Error {
  /** HTTP status; null when there was no answer, or when an answer under way failed. */
  readonly status: number | null
  /** The API's code, e.g. `model_not_found`, `no-route`. */
  readonly code: string | null
  /** How long the node asks to wait before the next attempt. */
  readonly retryAfterMs: number | null

  constructor(
    message: string,
    facts: { status: number | null; code: string | null; retryAfterMs?: number | null; cause?: unknown },
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = 'ApiFailure'
    this.status = facts.status
    this.code = facts.code
    this.retryAfterMs = facts.retryAfterMs ?? null
  }
}

/** What an answer that is no success says of itself: OpenAI's error object, or any text of a proxy between. */
export async function failureOf(response: Response): Promise<ApiFailure> {
  const text = await response.text()
  const { message, code } = errorIn(text) ?? { message: '', code: null }
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  return new ApiFailure(message === '' ? `the node answered ${response.status}` : message, {
    status: response.status,
    code,
    retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : null,
  })
}

/** An error object in place of a chunk: an answer that was under way has failed. */
export function errorIn(text: string): { message: string; code: string | null } | null {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof body !== 'object' || body === null || !('error' in body)) return null
  const { message, code } = body.error as { message?: unknown; code?: unknown }
  return {
    message: typeof message === 'string' ? message : 'the answer failed',
    code: typeof code === 'string' ? code : null,
  }
}
