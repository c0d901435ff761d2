import { createServer, request } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createVirtualClock, seededRandom, silentLogger, type Logger } from '@shoal/host'
import { afterEach, expect, test } from 'vitest'
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
