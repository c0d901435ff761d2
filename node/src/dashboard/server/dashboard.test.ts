import { expect, test } from 'vitest'
import { createApiClient } from '../../api/testing/api-client.ts'
import { createFakeEngine } from '../../api/testing/fake-engine.ts'

const client = createApiClient()

test('the page loads scripts and styles of its own server only, and no text can become markup', async () => {
  const response = await client.get('/')
  const page = await response.text()
  expect(page.match(/(?:src|href)="[^"]*"/g)).toEqual([
    'href="data:,"',
    'href="/dashboard/style.css"',
    'href="/dashboard/page.css"',
    'href="/dashboard/chat.css"',
    'href="/dashboard/map.css"',
    'src="/dashboard/main.js"',
  ])
  expect(page).not.toMatch(/<style|<script(?! type="module" src=)|\son\w+=/)
  const policy = response.headers.get('content-security-policy') ?? ''
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
  expect(policy).toContain("require-trusted-types-for 'script'; trusted-types lit-html")
  expect(policy).not.toContain('unsafe')
})

test('every module of the page is served as JavaScript, and so is every module that one of them imports', async () => {
  const seen = new Set<string>()
  const visit = async (address: string): Promise<void> => {
    if (seen.has(address)) return
    seen.add(address)
    const response = await client.get(address)
    expect([address, response.status, response.headers.get('content-type')]).toEqual([
      address,
      200,
      'text/javascript; charset=utf-8',
    ])
    const imports = (await response.text()).matchAll(/\b(?:from|import)\s*["']([^"'\n]+)["']/g)
    for (const [, specifier = ''] of imports) {
      // A browser finds no package by its name.
      expect(specifier).toMatch(/^[./]/)
      await visit(new URL(specifier, `http://localhost${address}`).pathname)
    }
  }
  await visit('/dashboard/main.js')
  expect(seen).toContain('/dashboard/map/view.ts')
  expect(seen).toContain('/dashboard/modules/lit-html/lit-html.js')
  expect(seen).toContain('/dashboard/modules/marked/lib/marked.esm.js')
})

test.each([
  '/dashboard/../server/routes.ts',
  '/dashboard/%2e%2e/server/routes.ts',
  '/dashboard/..%2fserver%2froutes.ts',
  '/dashboard/modules/hono/index.js',
  '/dashboard/modules/lit-html/package.json',
  '/dashboard/modules/lit-html/../hono/index.js',
  '/dashboard/.env',
  '/dashboard/map/layout.test.ts',
  '/dashboard/nothing.js',
])('%s is no file of the page', async (path) => {
  expect((await client.get(path)).status).toBe(404)
})

test('a page is told the state at once: of a node that loads, how far it is', async () => {
  const { app } = createApiClient({}, { loading: true })
  const { body, headers } = await app.request('/swarm/events', { headers: { host: 'localhost' } })
  expect(headers.get('content-type')).toBe('text/event-stream')
  const { value } = await body!.getReader().read()
  expect(new TextDecoder().decode(value)).toBe(
    'event: progress\ndata: {"activity":"pack","doneBytes":25,"totalBytes":100}\n\nevent: status\ndata: null\n\nevent: answers\ndata: []\n\n',
  )
})

test('where the API asks for a key, so do the events, and the page itself does not', async () => {
  const { app } = createApiClient({ keys: [{ key: 'secret' }] }, { engine: createFakeEngine() })
  const get = (path: string, extra: Record<string, string> = {}) =>
    app.request(path, { headers: { host: 'localhost', ...extra } })
  expect((await get('/swarm/events')).status).toBe(401)
  expect((await get('/')).status).toBe(200)
  const allowed = await get('/swarm/events', { authorization: 'Bearer secret' })
  expect(allowed.status).toBe(200)
  await allowed.body!.cancel()
})
