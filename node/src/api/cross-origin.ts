import type { Context, MiddlewareHandler } from 'hono'
import { checkHost, type AccessRules } from './access.ts'

/** How long a browser need not ask again, and the longest list of header names that is repeated to it. */
const [maxAgeSeconds, requestedHeadersMax] = [600, 1024]

/**
 * Lets pages of other origins use an API that asks for a key: a page must have been given one, so that its origin proves
 * nothing. Without keys, `checkOrigin` refuses such requests, and only that refusal may be read by the page, whose author
 * would otherwise see a network error without a reason. No answer allows cookies.
 */
export function crossOrigin(rules: AccessRules): MiddlewareHandler {
  return async (context, next) => {
    const origin = context.req.header('origin')
    if (origin === undefined) {
      await next()
      return undefined
    }
    if (context.req.method === 'OPTIONS' && context.req.header('access-control-request-method') !== undefined)
      return preflight(context, origin, rules)
    await next()
    if (rules.keys.length === 0 && context.res.status !== 403) return undefined
    context.header('access-control-allow-origin', origin)
    context.header('access-control-expose-headers', 'retry-after, www-authenticate')
    context.header('vary', 'origin', { append: true })
    return undefined
  }
}

/** The question by which a browser asks whether it may send a request. The request itself is checked when it comes. */
function preflight(context: Context, origin: string, rules: AccessRules): Response {
  checkHost(context.req.raw.headers, rules)
  const wanted = context.req.header('access-control-request-headers') ?? ''
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, POST',
      'access-control-max-age': String(maxAgeSeconds),
      vary: 'origin',
      ...(wanted !== '' &&
        wanted.length <= requestedHeadersMax && { 'access-control-allow-headers': wanted }),
      // Chromium asks this for pages of the internet that address the local network.
      ...(context.req.header('access-control-request-private-network') === 'true' && {
        'access-control-allow-private-network': 'true',
      }),
    },
  })
}
