import type { MiddlewareHandler } from 'hono'
import { randomHex, type Random } from '@shoal/host'
import { apiLimits } from './limits.ts'

/** Every answer carries `x-request-id`: the caller's own, where it has sent one that can stand in a header and a log. */
export function requestId(random: Random): MiddlewareHandler {
  return async (context, next) => {
    const given = context.req.header('x-request-id') ?? ''
    const usable = /^[\w.:-]+$/.test(given) && given.length <= apiLimits.maxRequestIdLength
    const id = usable ? given : `req_${randomHex(random, 12)}`
    await next()
    context.header('x-request-id', id)
    // Under this name Anthropic's clients look for it.
    context.header('request-id', id)
  }
}
