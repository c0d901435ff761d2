import { createVirtualClock, seededRandom, silentLogger } from '@shoal/host'
import type { Hono } from 'hono'
import { expect, test } from 'vitest'
import { createApi, type ApiOptions } from './app.ts'
import { createLoadingService } from './service.ts'
import { createFakeEngine } from './testing/fake-engine.ts'

function api(options: Partial<ApiOptions>): Hono {
  const service = createLoadingService()
  service.ready({ engine: createFakeEngine(), status: () => null })
  return createApi(
    { clock: createVirtualClock(), random: seededRandom(1), logger: silentLogger, service },
    { keys: [], loopback: true, ...options },
  )
}

const app = api({})
const headers = { host: 'localhost:8090', 'content-type': 'application/json' }

test.each([
  ['localhost', 200],
  ['localhost:8090', 200],
  ['127.0.0.1:1', 200],
  ['[::1]:8090', 200],
  ['shoal.localhost', 200],
  ['evil.example', 403],
  ['127.0.0.1.evil.example', 403],
  ['localhost.evil.example:8090', 403],
  ['192.168.1.5', 403],
  ['', 403],
])('on loopback, Host %j gets %d', async (host, status) => {
  expect((await app.request('/v1/models', { headers: { host } })).status).toBe(status)
})

const body = JSON.stringify({ model: 'letters', messages: [{ role: 'user', content: 'a' }], max_tokens: 1 })

test.each([
  ['http://localhost:8090', 200],
  ['http://localhost:9999', 403],
  ['https://evil.example', 403],
  ['null', 403],
  ['nonsense', 403],
])('without a key, Origin %j gets %d', async (origin, status) => {
  expect(
    (await app.request('/v1/chat/completions', { method: 'POST', headers: { ...headers, origin }, body }))
      .status,
  ).toBe(status)
})

const preflight = {
  ...headers,
  origin: 'https://page.example',
  'access-control-request-method': 'POST',
  'access-control-request-headers': 'authorization,content-type',
  'access-control-request-private-network': 'true',
}

test('a page of another origin can use an API with a key, and nobody allows it cookies', async () => {
  const keyed = api({ keys: [{ key: 'k' }] })
  const asked = await keyed.request('/v1/chat/completions', { method: 'OPTIONS', headers: preflight })
  expect([asked.status, Object.fromEntries(asked.headers)]).toEqual([
    204,
    expect.objectContaining({
      'access-control-allow-origin': 'https://page.example',
      'access-control-allow-headers': 'authorization,content-type',
      'access-control-allow-methods': 'GET,POST',
      'access-control-allow-private-network': 'true',
    }),
  ])
  const from = { ...headers, origin: 'https://page.example' }
  const post = (key: string): Response | Promise<Response> =>
    keyed.request('/v1/chat/completions', {
      method: 'POST',
      headers: { ...from, authorization: `Bearer ${key}` },
      body,
    })
  for (const [key, status] of [
    ['k', 200],
    ['wrong', 401],
  ] as const) {
    const response = await post(key)
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([
      status,
      'https://page.example',
    ])
    expect(response.headers.has('access-control-allow-credentials')).toBe(false)
  }
})

test('without a key, a page of another origin can read only the refusal, which says what to do', async () => {
  const asked = await app.request('/v1/models', { method: 'OPTIONS', headers: preflight })
  expect(asked.status).toBe(204)
  const refused = await app.request('/v1/models', { headers: { ...headers, origin: 'https://page.example' } })
  expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([
    403,
    'https://page.example',
  ])
  expect(await refused.text()).toMatch(
    /start it with --api-key KEY, and let the page send that key, or with --api-origins https:\/\/page\.example/,
  )
  const own = await app.request('/v1/models', { headers: { ...headers, origin: 'http://localhost:8090' } })
  expect(own.status).toBe(200)
})

test.each([
  ['https://chat.example', 200],
  ['HTTPS://chat.example', 200],
  ['chrome-extension://abcdef', 200],
  ['https://chat.example.evil.example', 403],
  ['http://chat.example', 403],
  ['null', 403],
])('with --api-origins, a page of %j gets %d without a key, and can read it', async (origin, status) => {
  const listed = api({ origins: ['https://chat.example', 'chrome-extension://abcdef'] })
  const from = { ...headers, origin }
  const asked = await listed.request('/v1/chat/completions', { method: 'POST', headers: from, body })
  expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([status, origin])
  const ready = await listed.request('/v1/models', { method: 'OPTIONS', headers: { ...preflight, origin } })
  expect(ready.status).toBe(204)
  // The name that the page asks for still has to be this server's.
  const rebound = { ...from, host: 'evil.example' }
  expect((await listed.request('/v1/models', { headers: rebound })).status).toBe(403)
})

test('a preflight for a name that is not this server is refused', async () => {
  const asked = await app.request('/v1/models', {
    method: 'OPTIONS',
    headers: { ...preflight, host: 'evil.example' },
  })
  expect(asked.status).toBe(403)
})

test.each([
  [undefined, 401, 'missing_api_key'],
  ['Bearer wrong', 401, 'invalid_api_key'],
  ['Bearer', 401, 'missing_api_key'],
  ['Basic one', 401, 'missing_api_key'],
  ['Bearer one', 200, undefined],
  ['bearer two', 200, undefined],
])('with keys, Authorization %j gets %d', async (authorization, status, code) => {
  const own = api({ keys: [{ key: 'one' }, { key: 'two' }], loopback: false })
  for (const path of ['/v1/models', '/metrics']) {
    const response = await own.request(path, {
      headers: { host: 'shoal.example', ...(authorization !== undefined && { authorization }) },
    })
    expect(response.status).toBe(status)
    if (code !== undefined) expect(await response.json()).toMatchObject({ error: { code } })
  }
  expect((await own.request('/healthz', { headers: { host: 'shoal.example' } })).status).toBe(200)
})

test.each([
  ['192.168.1.5:8090', 200],
  ['[fd00::1]:8090', 200],
  ['localhost:8090', 200],
  ['shoal.example:8090', 200],
  ['SHOAL.example.', 200],
  ['evil.example', 403],
  ['192.168.1.5.evil.example', 403],
  ['[evil]', 403],
  ['', 403],
])('beyond loopback and without a key, Host %j gets %d: a rebound name is refused', async (host, status) => {
  const open = api({ loopback: false, hosts: ['shoal.example'] })
  expect((await open.request('/v1/models', { headers: { host } })).status).toBe(status)
})

test.each([
  ['http://192.168.1.5:8090', 200],
  ['http://192.168.1.5', 403],
  ['http://evil.example', 403],
])('beyond loopback and without a key, Origin %j gets %d', async (origin, status) => {
  const open = api({ loopback: false })
  const host = '192.168.1.5:8090'
  expect(
    (
      await open.request('/v1/chat/completions', {
        method: 'POST',
        headers: { ...headers, host, origin },
        body,
      })
    ).status,
  ).toBe(status)
})

test('a refused host name is quoted without its control characters', async () => {
  const response = await app.request('/v1/models', { headers: { host: 'evil\u009b31m' } })
  expect(await response.json()).toMatchObject({
    error: { message: expect.stringContaining(`'evil\\u009b31m'`) as string },
  })
})
