import type { MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import { checkHost, type AccessRules } from './access.ts'

/** How long a browser need not ask again. */
const maxAgeSeconds = 600

/**
 * Lets pages of other origins use an API that asks for a key: a page must have been given one, so that its origin proves
 * nothing. Without keys, `checkOrigin` refuses their requests, and the page can read that refusal; its author would
 * otherwise see a network error without a reason. No answer allows cookies.
 */
export function crossOrigin(rules: AccessRules): MiddlewareHandler {
  const share = cors({
    origin: (origin) => origin,
    allowMethods: ['GET', 'POST'],
    exposeHeaders: [
      'retry-after',
      'www-authenticate',
      'x-request-id',
      'request-id',
      'server-timing',
      'x-shoal-route',
    ],
    maxAge: maxAgeSeconds,
  })
  return (context, next) => {
    if (context.req.header('origin') === undefined) return next()
    // The question by which a browser asks whether it may send a request; the request itself is checked when it comes.
    if (context.req.method === 'OPTIONS') checkHost(context.req.raw.headers, rules)
    // Chromium asks this for pages of the internet that address the local network.
    if (context.req.header('access-control-request-private-network') === 'true')
      context.header('access-control-allow-private-network', 'true')
    return share(context, next)
  }
}
