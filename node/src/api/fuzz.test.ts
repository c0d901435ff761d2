import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApiClient, type ApiClient } from './testing/api-client.ts'

/**
 * Requests that follow the grammar of the API and break it in one or a few places. Whatever comes, the answer is a success
 * or an error of OpenAI's shape with a status that says whose fault it is, nothing stays behind, and no promise is lost.
 */
const unhandled: unknown[] = []
const onUnhandled = (reason: unknown): void => void unhandled.push(reason)
beforeAll(() => void process.on('unhandledRejection', onUnhandled))
afterAll(() => void process.off('unhandledRejection', onUnhandled))

const junk = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(null, true, -1, 0, 1e308, 2 ** 53, '', '\u0000\u001b[2J\ud800', [], {}),
  },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
)
const rarely = <Value>(right: fc.Arbitrary<Value>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 40, arbitrary: right }, { weight: 1, arbitrary: junk })

/** Absent, but for a few. */
const seldom = fc.oneof({ weight: 40, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: junk })

const message = fc.record({
  role: rarely(fc.constantFrom('system', 'developer', 'user', 'assistant', 'tool')),
  content: rarely(
    fc.oneof(
      fc.string({ minLength: 1, maxLength: 60 }),
      fc.array(fc.record({ type: rarely(fc.constant('text')), text: rarely(fc.string({ maxLength: 9 })) }), {
        maxLength: 3,
      }),
    ),
  ),
})
const common = {
  model: rarely(fc.constant('letters')),
  max_tokens: rarely(fc.integer({ min: 1, max: 6 })),
  stream: rarely(fc.boolean()),
  temperature: rarely(fc.double({ min: 0, max: 2, noNaN: true })),
  top_p: rarely(fc.double({ min: 0.1, max: 1, noNaN: true })),
  seed: rarely(fc.integer()),
  stop: rarely(
    fc.oneof(
      fc.string({ minLength: 1, maxLength: 3 }),
      fc.array(fc.string({ minLength: 1, maxLength: 3 }), { maxLength: 5 }),
    ),
  ),
  n: rarely(fc.integer({ min: 1, max: 3 })),
  stream_options: rarely(fc.record({ include_usage: fc.boolean() })),
  logit_bias: seldom,
  tools: seldom,
  unknown: seldom,
}
const optional = { requiredKeys: ['model'] } as const
const chat = fc.record(
  {
    ...common,
    messages: rarely(fc.array(message, { minLength: 1, maxLength: 4 })),
    logprobs: rarely(fc.boolean()),
    top_logprobs: rarely(fc.integer({ min: 0, max: 21 })),
  },
  { requiredKeys: [...optional.requiredKeys, 'messages'] },
)
const text = fc.record(
  {
    ...common,
    prompt: rarely(
      fc.oneof(
        fc.string({ maxLength: 300 }),
        fc.array(fc.integer({ min: -1, max: 140 }), { maxLength: 260 }),
        fc.array(fc.string({ maxLength: 20 }), { maxLength: 9 }),
      ),
    ),
    logprobs: rarely(fc.integer({ min: 0, max: 6 })),
    echo: seldom,
  },
  { requiredKeys: [...optional.requiredKeys, 'prompt'] },
)
const bodies = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(
      fc.constant('/v1/chat/completions'),
      chat.map((body) => JSON.stringify(body)),
    ),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(
      fc.constant('/v1/completions'),
      text.map((body) => JSON.stringify(body)),
    ),
  },
  // A body that breaks off, or that never was JSON.
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom('/v1/chat/completions', '/v1/completions'),
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 60 }),
        chat.chain((body) => fc.nat(60).map((cut) => JSON.stringify(body).slice(0, cut))),
      ),
    ),
  },
)
const header = fc.oneof(
  { weight: 8, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      { 'content-type': 'text/plain' },
      { host: 'evil.example' },
      { origin: 'null' },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom({ authorization: 'Bearer \u007f' }, { 'content-length': '-1' }, { host: '[' }),
  },
)
const views = fc.tuple(
  fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'),
  fc.oneof(
    fc.constantFrom(
      '/',
      '/healthz',
      '/swarm',
      '/v1/models',
      '/v1/models/letters',
      '/v1',
      '//',
      '/v1/models/%2e%2e/x',
    ),
    fc.webPath(),
  ),
)

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes of the heap that are in use. Without a collection, waste of other tests in this process would count. */
function keptBytes(): number {
  collect()
  return process.memoryUsage().heapUsed
}

/** The shape of an answer, read to its end. */
async function check(response: Response, method = 'POST'): Promise<void> {
  const type = response.headers.get('content-type') ?? ''
  const body = await response.text()
  if (response.status < 400) return
  expect(response.status, body).toBeLessThan(500)
  if (method === 'HEAD') return
  expect(type).toMatch(/^application\/json/)
  const { error } = JSON.parse(body) as { error: Record<string, unknown> }
  expect(typeof error['message']).toBe('string')
  expect(error['type']).toBe(
    { 401: 'authentication_error', 403: 'permission_error', 429: 'rate_limit_error' }[response.status] ??
      'invalid_request_error',
  )
  expect(Object.hasOwn(error, 'param') && Object.hasOwn(error, 'code')).toBe(true)
}

/** Sends a body; of every few streams the reader leaves in the middle. */
async function send(
  client: ApiClient,
  path: string,
  body: string,
  headers: object,
  leave: number,
): Promise<void> {
  const response = await client.post(path, body, headers as Record<string, string>)
  const stream = (response.headers.get('content-type') ?? '').startsWith('text/event-stream')
  if (!stream || leave > 2) return check(response)
  const reader = response.body!.getReader()
  for (let events = 0; events < leave; events += 1) await reader.read()
  await reader.cancel()
}

test('no request of 10,000 gets anything but an answer or an error of its own fault, and none leaves a trace', async () => {
  const client = createApiClient({ maxGenerations: 2 })
  let requests = 0
  const half = async (seed: number): Promise<void> => {
    const cases = fc.sample(fc.tuple(bodies, header, fc.nat(9)), { numRuns: 400, seed })
    // Generating a body takes longer than answering it: each is sent several times.
    for (let turn = 0; turn < 10; turn += 1) {
      for (const [[path, body], headers, leave] of cases) {
        await send(client, path, body, headers, (leave + turn) % 10)
        requests += 1
      }
    }
    for (const [method, path] of fc.sample(views, { numRuns: 1000, seed })) {
      await check(await client.app.request(path, { method, headers: { host: 'localhost' } }), method)
      requests += 1
    }
  }
  await half(1)
  const afterHalf = keptBytes()
  await half(2)
  // The engine of this test remembers its requests, about a kilobyte each; nothing else may stay.
  expect(keptBytes() - afterHalf).toBeLessThan(32 * 1024 ** 2)
  expect(requests).toBe(10_000)
  expect(unhandled).toEqual([])
  // Enough of them are right that generations run, and are left.
  expect(client.engine.requests.length).toBeGreaterThan(1000)
  // Every place is free, and every generation that began has ended.
  expect(client.engine.ended()).toBe(client.engine.requests.length)
  const last = await Promise.all([client.chat(), client.chat()])
  expect(last.map(({ status }) => status)).toEqual([200, 200])
}, 240_000)
