import type { Hono } from 'hono'
import { ApiError } from './errors.ts'

/** What the APIs of others do and this one does not, by the paths that clients try, and why or what to do instead. */
const elsewhere: readonly (readonly [paths: readonly string[], sentence: string])[] = [
  [
    ['/v1/embeddings', '/api/embed', '/api/embeddings'],
    'embeddings are not made here: the model of this swarm writes text. Use an embedding model of another server; hidden states of this one are at POST /v1/forward',
  ],
  [
    ['/api/pull', '/api/push', '/api/create', '/api/copy', '/api/delete', '/api/blobs/*'],
    'models are not managed over this API: a swarm serves the one model that it was started with, by shoal up --model REF',
  ],
  [
    ['/v1/moderations', '/v1/images/*', '/v1/audio/*', '/v1/videos', '/v1/realtime'],
    'the model of this swarm reads and writes text only',
  ],
  [
    [
      '/v1/files',
      '/v1/files/*',
      '/v1/batches',
      '/v1/batches/*',
      '/v1/messages/batches',
      '/v1/messages/batches/*',
    ],
    'nothing is stored here; send the requests one by one',
  ],
]

export function addElsewhere(app: Hono): void {
  for (const [paths, sentence] of elsewhere) {
    for (const path of paths) {
      app.all(path, () => {
        throw new ApiError(404, sentence, { code: 'unsupported_endpoint' })
      })
    }
  }
}
