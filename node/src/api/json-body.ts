import type { Context } from 'hono'
import { ApiError } from './errors.ts'
import { apiLimits } from './limits.ts'

/** @throws {ApiError} 400 for another type, or what is no JSON */
export async function jsonOf(context: Context): Promise<unknown> {
  // Forms cannot send this type, so that a page cannot post here without asking (and nobody answers its question).
  if (!/^application\/(?:[\w.+-]+\+)?json\b/i.test(context.req.header('content-type') ?? '')) {
    throw new ApiError(400, 'send the header Content-Type: application/json', {
      code: 'invalid_content_type',
    })
  }
  try {
    const text = await context.get('costs').body()
    if (isNestedDeeper(text, apiLimits.maxBodyNesting))
      throw new ApiError(400, `the body is nested deeper than ${apiLimits.maxBodyNesting} levels`, {
        code: 'invalid_json',
      })
    return JSON.parse(text) as unknown
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

const [quote, backslash] = [0x22, 0x5c]

/** Whether a text of JSON has lists and objects inside of each other beyond some levels. Linear, and without recursion. */
function isNestedDeeper(text: string, levels: number): boolean {
  let depth = 0
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code === quote) {
      for (index += 1; index < text.length && text.charCodeAt(index) !== quote; index += 1)
        if (text.charCodeAt(index) === backslash) index += 1
    } else if (code === 0x5b || code === 0x7b) {
      depth += 1
      if (depth > levels) return true
    } else if (code === 0x5d || code === 0x7d) depth -= 1
  }
  return false
}
