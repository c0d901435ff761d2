import type { Context } from 'hono'
import { ApiError } from './errors.ts'

/** @throws {ApiError} 400 for another type, or what is no JSON */
export async function jsonOf(context: Context): Promise<unknown> {
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
export function asIncompleteBody(error: Error): Error {
  if (!('code' in error) || error.code !== 'ECONNRESET') return error
  return new ApiError(400, 'the request ended before its body was complete', {
    code: 'incomplete_body',
    cause: error,
  })
}
