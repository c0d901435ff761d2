import { createReadStream, readdirSync, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

/** A server that speaks the part of the hub's API that is used: revision, tree, resolve with ranges. */
export interface HubServer {
  readonly endpoint: string
  /** Bytes of files sent so far. */
  readonly sentBytes: number
  readonly requests: readonly {
    readonly url: string
    readonly range: string | undefined
    readonly authorization: string | undefined
  }[]
  /** Answers instead of the usual way, where it returns true. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | null
  close(): Promise<void>
}

export const commit = '0123456789abcdef0123456789abcdef01234567'

/** @param folder the model `id` at `main`, at the tag `v1` and at its commit */
export async function startHubServer(id: string, folder: string): Promise<HubServer> {
  const requests: { url: string; range: string | undefined; authorization: string | undefined }[] = []
  const state: { sentBytes: number; intercept: HubServer['intercept'] } = { sentBytes: 0, intercept: null }

  const json = (response: ServerResponse, value: unknown, headers: Record<string, string> = {}): void => {
    response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
  }
  const file = (name: string, range: string | undefined, response: ServerResponse): void => {
    const { size } = statSync(join(folder, name))
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [null, '0', String(size - 1)]
    const [start, end] = [Number(first), Math.min(Number(last), size - 1)]
    response.writeHead(range === undefined ? 200 : 206, {
      'content-length': end - start + 1,
      ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${end}/${size}` }),
    })
    state.sentBytes += end - start + 1
    createReadStream(join(folder, name), { start, end }).pipe(response)
  }
  const server = createServer((request, response) => {
    const url = decodeURIComponent(request.url ?? '')
    requests.push({ url, range: request.headers.range, authorization: request.headers.authorization })
    if (state.intercept?.(request, response) === true) return
    const names = readdirSync(folder).sort()
    if (['main', 'v1', commit].some((revision) => url === `/api/models/${id}/revision/${revision}`))
      return json(response, { id, sha: commit })
    // Two pages, as the hub cuts long lists.
    if (url === `/api/models/${id}/tree/${commit}`) {
      return json(
        response,
        [{ type: 'directory', path: 'original', size: 0 }, ...entries(names.slice(0, 1))],
        { link: `</api/models/${id}/tree/${commit}?cursor=2>; rel="next"` },
      )
    }
    if (url === `/api/models/${id}/tree/${commit}?cursor=2`) return json(response, entries(names.slice(1)))
    // Large files are elsewhere: the hub redirects to where they are.
    const named = new RegExp(`^/(${id}/resolve|elsewhere)/${commit}/(.+)$`).exec(url)
    if (named?.[2] !== undefined && names.includes(named[2])) {
      if (named[1] !== 'elsewhere')
        return void response.writeHead(302, { location: `/elsewhere/${commit}/${named[2]}` }).end()
      return file(named[2], request.headers.range, response)
    }
    response.writeHead(404).end()
  })
  const entries = (names: readonly string[]) =>
    names.map((path) => ({ type: 'file', path, size: statSync(join(folder, path)).size, oid: 'x' }))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    get sentBytes() {
      return state.sentBytes
    },
    get intercept() {
      return state.intercept
    },
    set intercept(action) {
      state.intercept = action
    },
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => void server.close(() => resolve()))
    },
  }
}
