import { getPath } from 'hono/utils/url'

/** The path of a request, with the slashes that a base URL has too many taken out. */
export function requestPath(request: Request): string {
  const path = getPath(request).replaceAll(/\/{2,}/g, '/')
  return path.length > 1 ? path.replace(/\/$/, '') : path
}

const known = new Set([
  '/',
  '/healthz',
  '/health',
  '/metrics',
  '/swarm',
  '/swarm/events',
  '/audit',
  '/lend',
  '/v1/models',
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/forward',
  '/v1/messages',
  '/v1/messages/count_tokens',
  '/v1/embeddings',
  '/v1/responses',
  '/tokenize',
  '/detokenize',
  '/api/version',
  '/api/tags',
  '/api/ps',
  '/api/show',
  '/api/chat',
  '/api/generate',
])

/** Unknown paths share one label in the metrics: a scanner must not fill the registry. */
export const pathLabel = (path: string): string => (known.has(path) ? path : 'other')

/** The path that was meant, where a base URL lacks `/v1` or has it twice; null where nothing is known. */
export function meantPath(path: string): string | null {
  const meant = `/v1${path.replace(/^(\/v1)+/, '')}`
  return meant !== path && known.has(meant) ? meant : null
}
