import { createServer, request } from 'node:http'
import { once } from 'node:events'
import { connect, Server, type AddressInfo } from 'node:net'
import { createVirtualClock, seededRandom, silentLogger, type Logger } from '@shoal/host'
import { afterEach, expect, test, vi } from 'vitest'
import { createApi } from './app.ts'
import { listen, type ApiServer } from './server.ts'
import { createLoadingService } from './service.ts'
import { createFakeEngine, type FakeEngine } from './testing/fake-engine.ts'

const servers: ApiServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function serve(engine: FakeEngine, port = 0, logger: Logger = silentLogger): Promise<ApiServer> {
  const service = createLoadingService()
  service.ready({ engine, status: () => null })
  const app = createApi(
    { clock: createVirtualClock(), random: seededRandom(1), logger, service },
    { keys: [], loopback: true, maxGenerations: 1 },
  )
  const server = await listen(app, '127.0.0.1', port, logger)
  servers.push(server)
  return server
}

const body = (stream: boolean): string =>
  JSON.stringify({ model: 'letters', messages: [{ role: 'user', content: 'abc' }], max_tokens: 200, stream })

test('over a real socket an answer arrives whole', async () => {
  const server = await serve(createFakeEngine())
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: body(false),
  })
  expect(await response.json()).toMatchObject({ usage: { completion_tokens: 200 } })
})

test.each([true, false])(
  'a client that hangs up before the first token ends its generation (stream: %s)',
  async (stream) => {
    const engine = createFakeEngine()
    let open = (): void => undefined
    engine.gate = new Promise((resolve) => {
      open = resolve
    })
    const server = await serve(engine)
    const started = new Promise<void>((resolve) => {
      const generate = engine.generate.bind(engine)
      Object.assign(engine, {
        generate: (asked: Parameters<typeof generate>[0]) => {
          resolve()
          return generate(asked)
        },
      })
    })
    const call = request(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    })
    call.on('error', () => undefined) // our own hanging up
    call.end(body(stream))
    await started
    call.destroy()
    await engine.firstEnd()
    open()
    // The place is free again.
    const next = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: body(false),
    })
    expect(next.status).toBe(200)
  },
)

test('a client that hangs up in the middle of a stream ends its generation, and nobody calls that an error', async () => {
  const engine = createFakeEngine()
  const errors: string[] = []
  const server = await serve(engine, 0, { ...silentLogger, error: (event) => errors.push(event) })
  const controller = new AbortController()
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: body(true),
    signal: controller.signal,
  })
  await response.body?.getReader().read()
  engine.gate = new Promise(() => undefined)
  controller.abort()
  await engine.firstEnd()
  await server.close()
  expect([engine.ended(), errors]).toEqual([1, []])
})

test('a taken port moves to the next free one and says so', async () => {
  const blocker = createServer().listen(0, '127.0.0.1')
  await once(blocker, 'listening')
  const { port } = blocker.address() as AddressInfo
  const warnings: unknown[] = []
  const server = await serve(createFakeEngine(), port, {
    ...silentLogger,
    warn: (event, fields) => warnings.push([event, fields]),
  })
  expect(server.port).toBeGreaterThan(port)
  expect(warnings).toEqual([['port-taken', { asked: port, used: server.port }]])
  blocker.close()
})

test('an address of another machine is refused in a sentence', async () => {
  const app = createApi(
    {
      clock: createVirtualClock(),
      random: seededRandom(1),
      logger: silentLogger,
      service: createLoadingService(),
    },
    { keys: [], loopback: true },
  )
  await expect(listen(app, '203.0.113.1', 8090, silentLogger)).rejects.toThrow(
    /cannot listen on 203\.0\.113\.1:8090/,
  )
})

/** What a server answers to these bytes, until it or this side ends the connection. */
const exchangeRaw = (port: number, sent: string | Uint8Array, reset: boolean): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.on('error', () => undefined) // the server's reset
    socket.on('data', (bytes) => (answer += bytes.toString('latin1')))
    socket.on('close', () => resolve(answer))
    socket.write(sent, () => (reset ? socket.resetAndDestroy() : socket.end()))
  })

const post = (bytes: string): string =>
  `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${bytes}`

test.each<[string, string]>([
  ['noise', '\0\x01\x02\r\n\r\n'],
  ['TLS', '\x16\x03\x01\x02\x00\x01'],
  ['a path that is no URL', 'GET //[ HTTP/1.1\r\nhost: localhost\r\n\r\n'],
  ['a host that is none', 'GET / HTTP/1.1\r\nhost: [\r\n\r\n'],
  ['an escape that is none', 'GET /v1/models/%E0%A4%A HTTP/1.1\r\nhost: localhost\r\n\r\n'],
  ['an address as its target', 'GET http://[/ HTTP/1.1\r\nhost: localhost\r\n\r\n'],
  ['CONNECT', 'CONNECT x:1 HTTP/1.1\r\nhost: localhost\r\n\r\n'],
  ['TRACE', 'TRACE / HTTP/1.1\r\nhost: localhost\r\n\r\n'],
  ['an upgrade', 'GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'],
  ['half a body', post('content-length: 100\r\n\r\n{"model":')],
  ['a broken chunk', post('transfer-encoding: chunked\r\n\r\nZZ\r\n')],
  ['two lengths', post('content-length: 1\r\ncontent-length: 2\r\n\r\nx')],
  ['a long header', `GET / HTTP/1.1\r\nx: ${'a'.repeat(100_000)}\r\n\r\n`],
])('a client that sends %s gets a refusal at most, and is no fault of the node', async (_name, bytes) => {
  const errors: unknown[] = []
  const server = await serve(createFakeEngine(), 0, {
    ...silentLogger,
    error: (event, fields) => errors.push([event, fields]),
  })
  for (const reset of [true, false]) {
    const answer = await exchangeRaw(server.port, bytes, reset)
    expect(answer).not.toMatch(/^HTTP\/1\.1 5/)
  }
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  expect(errors).toEqual([])
})

test.each([
  ['deeply nested', `${'['.repeat(50_000)}${']'.repeat(50_000)}`],
  ['a bare value', '5'],
  ['null', 'null'],
  [
    'names that objects inherit',
    '{"__proto__":{"model":"letters"},"constructor":1,"model":"letters","messages":5}',
  ],
  ['lists where texts belong', '{"model":["letters"],"messages":[[]],"stop":[[[]]]}'],
  [
    'huge numbers',
    '{"model":"letters","messages":[{"role":"user","content":"a"}],"max_tokens":1e400,"seed":1e300}',
  ],
  ['no JSON', '{'],
  ['bytes that are no text', '\xff\xfe{"model":1}'],
])('a body that is %s is answered 400', async (_name, text) => {
  const server = await serve(createFakeEngine())
  for (const path of ['/v1/chat/completions', '/v1/completions']) {
    const response = await fetch(server.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(text, 'latin1'),
    })
    expect([response.status, Object.keys((await response.json()) as object)]).toEqual([400, ['error']])
  }
})

test('connections that cannot be accepted are logged, each time, and end nothing', async () => {
  const listening = vi.spyOn(Server.prototype, 'listen')
  const warnings: unknown[] = []
  const server = await serve(createFakeEngine(), 0, {
    ...silentLogger,
    warn: (event, fields) => warnings.push([event, fields]),
  })
  const [socketServer] = listening.mock.contexts as readonly Server[]
  listening.mockRestore()
  for (let time = 0; time < 2; time += 1) socketServer?.emit('error', new Error('accept EMFILE'))
  const expected = ['api-listener-failed', { reason: 'accept EMFILE' }]
  expect(warnings).toEqual([expected, expected])
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
})
