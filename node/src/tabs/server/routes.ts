import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import type { Hono } from 'hono'
import { ApiError } from '../../api/errors.ts'
import { lendFile } from './page-files.ts'
import type { TabDesk } from './tab-desk.ts'

/** The page on which a browser tab lends itself, and the weights that it then fetches. The rest goes over its socket. */
export function addLend(app: Hono, desk: TabDesk): void {
  app.get('/lend', () => fileOr404('lend.html'))
  app.get('/lend/files/:name', ({ req }) => fileOr404(req.param('name')))
  app.get('/lend/units/:unit', async ({ req }) => {
    const token = /^Bearer +([0-9a-f]+)$/i.exec(req.header('authorization') ?? '')?.[1] ?? ''
    const path = desk.weightsFile(token, req.param('unit'))
    if (path === null)
      throw new ApiError(404, 'there are no such weights for this tab', { code: 'unknown_url' })
    const { size } = await stat(path).catch(() => {
      throw new ApiError(404, 'these weights are not here', { code: 'unknown_url' })
    })
    return new Response(Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>, {
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(size),
        'cache-control': 'no-store',
      },
    })
  })
}

async function fileOr404(name: string): Promise<Response> {
  const file = await lendFile(name)
  if (file === null) throw new ApiError(404, 'this page has no such file', { code: 'unknown_url' })
  return file
}
