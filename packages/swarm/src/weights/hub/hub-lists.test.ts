import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startHubServer, type HubServer } from '../../testing/hub-server.ts'
import { createHubClient } from './hub-client.ts'
import { openHubFiles } from './hub-files.ts'

const id = 'org/any'
let folder: string
let hub: HubServer

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-hub-lists-'))
  hub = await startHubServer(id, folder)
})
afterAll(async () => {
  await hub.close()
  await rm(folder, { recursive: true })
})

test.each<[string, (page: number) => unknown, string]>([
  ['that leads back to itself', () => [{ type: 'file', path: 'config.json', size: 1 }], 'limit-exceeded'],
  ['of folders without end', () => [{ type: 'directory', path: 'a', size: 0 }], 'limit-exceeded'],
  ['with a name that no URL can have', () => [{ type: 'file', path: '\ud800', size: 1 }], 'bad-model'],
  ['with a null', () => [{ type: 'file', path: null, size: 1 }], 'bad-model'],
  ['that is no list', () => ({}), 'bad-model'],
])('a list %s is refused', async (_name, page, code) => {
  let pages = 0
  hub.intercept = (request, response) => {
    if (!request.url!.includes('/tree/')) return false
    pages += 1
    const one = page(pages)
    const value = Array.isArray(one) ? Array.from({ length: 2500 }, () => one).flat() : one
    response
      .writeHead(200, { link: `<${request.url}>; rel="next"`, 'content-type': 'application/json' })
      .end(JSON.stringify(value))
    return true
  }
  const client = createHubClient(
    { clock: systemClock, fetch: globalThis.fetch, logger: silentLogger },
    { endpoint: hub.endpoint, token: null },
  )
  await expect(openHubFiles(client, { id, revision: 'main', file: null })).rejects.toMatchObject({ code })
  expect(pages).toBeLessThanOrEqual(5)
})
