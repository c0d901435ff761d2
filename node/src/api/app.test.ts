import { createVirtualClock, seededRandom, ShoalError, silentLogger, type Logger } from '@shoal/host'
import type { Hono } from 'hono'
import { beforeEach, expect, test } from 'vitest'
import { createApi, type ApiOptions } from './app.ts'
import { createFakeEngine, type FakeEngine } from './testing/fake-engine.ts'
import { createLoadingService } from './service.ts'
import { apiLimits } from './limits.ts'

let engine: FakeEngine
let app: Hono
beforeEach(() => {
  engine = createFakeEngine()
  app = api({})
})

function api(
  options: Partial<ApiOptions>,
  parts: { loading?: boolean; logger?: Logger; engine?: FakeEngine } = {},
): Hono {
  const service = createLoadingService()
  if (parts.loading === true) service.onProgress({ activity: 'pack', doneBytes: 25, totalBytes: 100 })
  else service.ready({ engine: parts.engine ?? engine, status: () => null })
  return createApi(
    {
      clock: createVirtualClock(1_700_000_000_000),
      random: seededRandom(1),
      logger: parts.logger ?? silentLogger,
      service,
    },
    { keys: [], loopback: true, ...options },
  )
}

const headers = { host: 'localhost:8090', 'content-type': 'application/json' }

async function post(
  path: string,
  body: unknown,
  target = app,
  extra: Record<string, string> = {},
): Promise<Response> {
  return target.request(path, {
    method: 'POST',
    headers: { ...headers, ...extra },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

const chat = (fields: object = {}, target = app): Promise<Response> =>
  post(
    '/v1/chat/completions',
    { model: 'letters', messages: [{ role: 'user', content: 'abc' }], max_tokens: 5, seed: 7, ...fields },
    target,
  )

const text = (fields: object = {}): Promise<Response> =>
  post('/v1/completions', { model: 'letters', prompt: 'abc', max_tokens: 5, seed: 7, ...fields })

interface Chunk {
  object: string
  choices: {
    index: number
    delta?: { role?: string; content?: string }
    text?: string
    finish_reason: string | null
    logprobs: unknown
  }[]
  usage?: { total_tokens: number } | null
}

async function chunksOf(response: Response): Promise<Chunk[]> {
  const messages = (await response.text()).split('\n\n').filter((message) => message !== '')
  expect(messages.every((message) => message.startsWith('data: '))).toBe(true)
  expect(messages.at(-1)).toBe('data: [DONE]')
  return messages.slice(0, -1).map((message) => JSON.parse(message.slice(6)) as Chunk)
}

test('a chat completion has the shape of OpenAI', async () => {
  const response = await chat()
  const body: unknown = await response.json()
  const prompt = '<user>abc<assistant>'
  expect(response.status).toBe(200)
  expect(body).toEqual({
    id: expect.stringMatching(/^chatcmpl-[0-9a-f]{24}$/) as string,
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'letters',
    system_fingerprint: `fp_${engine.manifest.id.slice(0, 12)}`,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: expect.stringMatching(/^.{5}$/) as string, refusal: null },
        logprobs: null,
        finish_reason: 'length',
      },
    ],
    usage: { prompt_tokens: prompt.length, completion_tokens: 5, total_tokens: prompt.length + 5 },
  })
})

test('a stream says the same as a whole answer, chunk by chunk', async () => {
  const whole = (await (await chat()).json()) as { choices: { message: { content: string } }[] }
  const response = await chat({ stream: true, stream_options: { include_usage: true } })
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
  const chunks = await chunksOf(response)
  const inner = chunks.slice(0, -1)
  expect(inner.map(({ choices }) => choices[0]?.delta?.content ?? '').join('')).toBe(
    whole.choices[0]?.message.content,
  )
  expect(inner[0]?.choices[0]?.delta).toMatchObject({ role: 'assistant', content: '' })
  expect(inner.map(({ choices }) => choices[0]?.finish_reason)).toEqual([
    ...inner.slice(1).map(() => null),
    'length',
  ])
  expect(inner.every(({ usage }) => usage === null)).toBe(true)
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 5 } })
  expect(new Set(chunks.map(({ object }) => object))).toEqual(new Set(['chat.completion.chunk']))
})

test('a stream without include_usage says nothing of usage', async () => {
  const chunks = await chunksOf(await chat({ stream: true }))
  expect(chunks.some((chunk) => 'usage' in chunk)).toBe(false)
})

test('text completions: whole, streamed, with log-probabilities and offsets', async () => {
  const whole = (await (await text({ logprobs: 2 })).json()) as {
    choices: { text: string; logprobs: { tokens: string[]; text_offset: number[]; top_logprobs: object[] } }[]
  }
  const [choice] = whole.choices
  expect(choice?.logprobs.tokens.join('')).toBe(choice?.text)
  expect(choice?.logprobs.text_offset).toEqual([0, 1, 2, 3, 4])
  expect(choice?.logprobs.top_logprobs[0]).toEqual({ a: -1, b: -2 })
  const chunks = await chunksOf(await text({ stream: true, logprobs: 0 }))
  expect(chunks.map(({ choices }) => choices[0]?.text).join('')).toBe(choice?.text)
  expect(chunks[1]?.choices[0]?.logprobs).toMatchObject({ text_offset: [1] })
})

test('chat log-probabilities carry bytes and alternatives', async () => {
  const body = (await (await chat({ logprobs: true, top_logprobs: 2, max_tokens: 1 })).json()) as {
    choices: { logprobs: { content: object[] } }[]
  }
  expect(body.choices[0]?.logprobs.content).toEqual([
    {
      token: expect.any(String) as string,
      logprob: -0.5,
      bytes: expect.any(Array) as number[],
      top_logprobs: [
        { token: 'a', logprob: -1, bytes: [97] },
        { token: 'b', logprob: -2, bytes: [98] },
      ],
    },
  ])
})

test('several prompts and choices: in order, seeded apart, each prompt counted once', async () => {
  const body = (await (await text({ prompt: ['abcdefgh', 'stuvwxyz'], n: 2 })).json()) as {
    choices: { index: number; text: string }[]
    usage: object
  }
  expect(body.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3])
  expect(body.choices.map((choice) => /^[a-h]+$/.test(choice.text))).toEqual([true, true, false, false])
  expect(engine.requests.map(({ sampling }) => sampling.seed)).toEqual([7, 8, 7, 8])
  expect(body.usage).toEqual({ prompt_tokens: 16, completion_tokens: 20, total_tokens: 36 })
})

test.each([
  [{}, { temperature: 0.7, topK: 40, topP: 0.9, repetitionPenalty: 1 }],
  [
    { temperature: 0, top_p: 0.5, top_k: 3 },
    { temperature: 0, topK: 3, topP: 0.5, repetitionPenalty: 1 },
  ],
  [
    { temperature: null, seed: -1 },
    { temperature: 0.7, seed: 4_294_967_295 },
  ],
])('sampling of %j', async (fields, expected) => {
  await chat(fields)
  expect(engine.requests[0]?.sampling).toMatchObject(expected)
})

test('prompts may be token ids; stop, developer and content parts are understood', async () => {
  await text({ prompt: [97, 98], stop: 'b' })
  expect(engine.requests[0]).toMatchObject({ promptIds: [97, 98], stop: ['b'] })
  await chat({
    messages: [
      {
        role: 'developer',
        content: [
          { type: 'text', text: 'x' },
          { type: 'text', text: 'y' },
        ],
      },
    ],
    max_completion_tokens: 3,
  })
  expect(String.fromCharCode(...(engine.requests[1]?.promptIds ?? []))).toBe('<system>xy<assistant>')
  expect(engine.requests[1]?.maxTokens).toBe(3)
})

test('tokens asked for are cut to the room that the context has', async () => {
  await chat({ max_tokens: 100_000 })
  expect(engine.requests[0]?.maxTokens).toBe(256 - '<user>abc<assistant>'.length)
})

test.each([
  ['no JSON', () => post('/v1/chat/completions', '{'), 400, 'invalid_json', null],
  [
    'another content type',
    () => post('/v1/chat/completions', '{}', app, { 'content-type': 'text/plain' }),
    400,
    'invalid_content_type',
    null,
  ],
  ['no messages', () => chat({ messages: [] }), 400, 'invalid_value', 'messages'],
  [
    'a role of nobody',
    () => chat({ messages: [{ role: 'king', content: 'x' }] }),
    400,
    'invalid_value',
    'messages.0.role',
  ],
  [
    'an image',
    () => chat({ messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }),
    400,
    'invalid_value',
    'messages.0.content',
  ],
  ['temperature as text', () => chat({ temperature: '1' }), 400, 'invalid_value', 'temperature'],
  ['tools', () => chat({ tools: [{ type: 'function' }] }), 400, 'invalid_value', 'tools.0'],
  [
    'JSON mode',
    () => chat({ response_format: { type: 'json_object' } }),
    400,
    'invalid_value',
    'response_format.type',
  ],
  ['a logit bias', () => chat({ logit_bias: { 5: 1 } }), 400, 'invalid_value', 'logit_bias'],
  ['too many choices', () => chat({ n: 9 }), 400, 'invalid_value', 'n'],
  ['no tokens', () => chat({ max_tokens: 0 }), 400, 'invalid_value', 'max_tokens'],
  ['top_logprobs alone', () => chat({ top_logprobs: 1 }), 400, 'invalid_value', 'top_logprobs'],
  ['an empty prompt', () => text({ prompt: '' }), 400, 'invalid_value', 'prompt'],
  ['an id outside the vocabulary', () => text({ prompt: [128] }), 400, 'invalid_value', 'prompt'],
  ['echo', () => text({ echo: true }), 400, 'invalid_value', 'echo'],
  ['best_of', () => text({ best_of: 3 }), 400, 'unsupported_value', 'best_of'],
  ['prompts times choices', () => text({ prompt: ['a', 'b', 'c'], n: 3 }), 400, 'invalid_value', 'n'],
  [
    'a prompt longer than the context',
    () => text({ prompt: 'x'.repeat(256) }),
    400,
    'context_length_exceeded',
    null,
  ],
  ['another model', () => chat({ model: 'gpt-4' }), 404, 'model_not_found', 'model'],
  ['another path', () => post('/v1/embeddings', {}), 404, 'unknown_url', null],
  ['a huge body', () => chat({ user: 'x'.repeat(apiLimits.maxBodyBytes) }), 413, 'request_too_large', null],
])('%s is refused in the shape of OpenAI', async (_name, send, status, code, param) => {
  const response = await send()
  expect(await response.json()).toEqual({
    error: { message: expect.any(String) as string, type: expect.any(String) as string, code, param },
  })
  expect(response.status).toBe(status)
  expect(engine.requests).toEqual([])
})

test.each([
  [new ShoalError('no-capacity', 'full'), 429, 'no-capacity', '2'],
  [new ShoalError('no-route', 'nobody holds block 1'), 503, 'no-route', '2'],
  [new ShoalError('deadline-passed', 'slow'), 504, 'deadline-passed', null],
  [new ShoalError('bad-request', 'bad'), 400, 'bad-request', null],
  [new Error('secret of the house'), 500, 'internal', null],
])('%s gets its status, streamed or not', async (failure, status, code, retryAfter) => {
  engine.failure = failure
  for (const stream of [false, true]) {
    const response = await chat({ stream })
    const body = (await response.json()) as { error: { code: string; message: string } }
    expect([response.status, body.error.code, response.headers.get('retry-after')]).toEqual([
      status,
      code,
      retryAfter,
    ])
    expect(body.error.message).not.toContain('secret')
  }
})

test('a bug is logged with its cause, a refusal is not', async () => {
  const logged: unknown[] = []
  const logger: Logger = { ...silentLogger, error: (_event, fields) => logged.push(fields?.['error']) }
  const own = api({}, { logger })
  engine.failure = new Error('secret')
  await chat({}, own)
  engine.failure = new ShoalError('no-capacity', 'full')
  await chat({}, own)
  expect(logged).toEqual([new Error('secret')])
})

test('a failure in the middle of a stream is its last message, and the place is free again', async () => {
  const own = api({ maxGenerations: 1 })
  const original = engine.generate.bind(engine)
  const generate: FakeEngine['generate'] = async function* (request) {
    for await (const event of original(request)) {
      yield event
      throw new ShoalError('peer-vanished', 'the last holder left')
    }
  }
  Object.assign(engine, { generate })
  const body = await (await chat({ stream: true }, own)).text()
  expect(body).not.toContain('[DONE]')
  expect(body.trim().split('\n\n').at(-1)).toMatch(/^data: \{"error":\{"message":"the last holder left"/)
  Object.assign(engine, { generate: original })
  expect((await chat({}, own)).status).toBe(200)
})

test('more generations than the limit are turned away with Retry-After, and let in again afterwards', async () => {
  const own = api({ maxGenerations: 1 })
  let open = (): void => undefined
  engine.gate = new Promise((resolve) => {
    open = resolve
  })
  const first = chat({}, own)
  const second = await chat({ stream: true }, own)
  expect([second.status, second.headers.get('retry-after')]).toEqual([429, '2'])
  open()
  expect((await first).status).toBe(200)
  expect((await chat({}, own)).status).toBe(200)
})

test('a reader that leaves in the middle of a stream ends the generation', async () => {
  const response = await chat({ stream: true, max_tokens: 200 })
  const reader = response.body?.getReader()
  await reader?.read()
  await reader?.cancel()
  expect(engine.ended()).toBe(1)
})

test('while the model loads, callers are told how far it is', async () => {
  const loading = api({}, { loading: true })
  const response = await chat({}, loading)
  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toBe('2')
  expect(await response.json()).toMatchObject({
    error: { code: 'model_loading', progress: { activity: 'pack', share: 0.25 } },
  })
  expect((await loading.request('/healthz', { headers })).status).toBe(503)
  expect((await app.request('/healthz', { headers })).status).toBe(200)
})

test('models are listed and described', async () => {
  expect(await (await app.request('/v1/models', { headers })).json()).toMatchObject({
    object: 'list',
    data: [{ id: 'letters', object: 'model' }],
  })
  expect((await app.request('/v1/models/letters', { headers })).status).toBe(200)
  expect((await app.request('/v1/models/org/other', { headers })).status).toBe(404)
})

test('metrics count requests and tokens', async () => {
  await chat()
  await chat({ n: 0 })
  const body = await (await app.request('/metrics', { headers })).text()
  expect(body).toContain('shoal_completion_tokens_total 5')
  expect(body).toContain('shoal_http_requests_total{route="/v1/chat/completions",status="200"} 1')
  expect(body).toContain('shoal_http_requests_total{route="/v1/chat/completions",status="400"} 1')
  expect(body).toContain('shoal_time_to_first_token_seconds_count 1')
})

test('the dashboard loads nothing from elsewhere and runs only its own script', async () => {
  const response = await app.request('/', { headers })
  const page = await response.text()
  expect(page).not.toMatch(/(src|href)=(?!"data:)|https?:\/\/|innerHTML|@import/)
  expect(response.headers.get('content-security-policy')).toMatch(
    /default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-/,
  )
})

test('without a swarm /swarm has the fields of a status all the same', async () => {
  const status = (await (await api({}).request('/swarm', { headers })).json()) as Record<string, unknown>
  expect(status).toMatchObject({ peers: [], covered: true, placements: [] })
  expect(status['coverage']).toHaveLength(status['blockCount'] as number)
})

test('a model without a tokenizer takes ids and nothing else', async () => {
  engine = createFakeEngine({ tokenizer: null })
  app = api({})
  expect((await text({ prompt: 'abc' })).status).toBe(400)
  expect((await chat()).status).toBe(400)
  expect((await text({ prompt: [1, 2] })).status).toBe(200)
})
