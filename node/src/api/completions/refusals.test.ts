import { ShoalError, silentLogger, type Logger } from '@shoal/host'
import { beforeEach, expect, test } from 'vitest'
import { apiLimits } from '../limits.ts'
import { createApiClient, type ApiClient } from '../testing/api-client.ts'
import { createFakeEngine, type FakeEngine } from '../testing/fake-engine.ts'

let client: ApiClient
beforeEach(() => {
  client = createApiClient()
})

test.each([
  ['no JSON', () => client.post('/v1/chat/completions', '{'), 400, 'invalid_json', null],
  [
    'another content type',
    () => client.post('/v1/chat/completions', '{}', { 'content-type': 'text/plain' }),
    400,
    'invalid_content_type',
    null,
  ],
  ['no messages', () => client.chat({ messages: [] }), 400, 'invalid_value', 'messages'],
  [
    'a role of nobody',
    () => client.chat({ messages: [{ role: 'king', content: 'x' }] }),
    400,
    'invalid_value',
    'messages.0.role',
  ],
  [
    'an image',
    () => client.chat({ messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }),
    400,
    'invalid_value',
    'messages.0.content.0.type',
  ],
  ['temperature as text', () => client.chat({ temperature: '1' }), 400, 'invalid_value', 'temperature'],
  [
    'a tool without a function',
    () => client.chat({ tools: [{ type: 'function' }] }),
    400,
    'invalid_value',
    'tools.0.function',
  ],
  [
    'a field of another server',
    () => client.chat({ guided_json: {} }),
    400,
    'unsupported_parameter',
    'guided_json',
  ],
  [
    'JSON mode',
    () => client.chat({ response_format: { type: 'json_lines' } }),
    400,
    'invalid_value',
    'response_format.type',
  ],
  ['a bias of a word', () => client.chat({ logit_bias: { a: 1 } }), 400, 'invalid_value', 'logit_bias.a'],
  [
    'more biases than are checked',
    () => client.chat({ logit_bias: Object.fromEntries(Array.from({ length: 4097 }, (_, id) => [id, 1])) }),
    400,
    'invalid_value',
    'logit_bias',
  ],
  ['a bias of no token', () => client.chat({ logit_bias: { 128: 1 } }), 400, 'invalid_value', 'logit_bias'],
  ['brevity', () => client.chat({ verbosity: 'low' }), 400, 'invalid_value', 'verbosity'],
  [
    'an allowed tool that is not there',
    () =>
      client.chat({
        tools: [{ type: 'function', function: { name: 'a' } }],
        tool_choice: {
          type: 'allowed_tools',
          allowed_tools: { mode: 'auto', tools: [{ type: 'function', function: { name: 'b' } }] },
        },
      }),
    400,
    'invalid_value',
    'tool_choice',
  ],
  ['too many choices', () => client.chat({ n: 9 }), 400, 'invalid_value', 'n'],
  ['no tokens', () => client.chat({ max_tokens: 0 }), 400, 'invalid_value', 'max_tokens'],
  ['top_logprobs alone', () => client.chat({ top_logprobs: 1 }), 400, 'invalid_value', 'top_logprobs'],
  ['an empty prompt', () => client.text({ prompt: '' }), 400, 'invalid_value', 'prompt'],
  ['an id outside the vocabulary', () => client.text({ prompt: [128] }), 400, 'invalid_value', 'prompt'],
  ['echo', () => client.text({ echo: true }), 400, 'invalid_value', 'echo'],
  ['best_of', () => client.text({ best_of: 3 }), 400, 'unsupported_value', 'best_of'],
  ['prompts times choices', () => client.text({ prompt: ['a', 'b', 'c'], n: 3 }), 400, 'invalid_value', 'n'],
  [
    'a prompt longer than the context',
    () => client.text({ prompt: 'x'.repeat(256) }),
    400,
    'context_length_exceeded',
    null,
  ],
  ['another model', () => client.chat({ model: 'gpt-4' }), 404, 'model_not_found', 'model'],
  [
    'an endpoint that is not done here',
    () => client.post('/v1/embeddings', {}),
    404,
    'unsupported_endpoint',
    null,
  ],
  [
    'a huge body',
    () => client.chat({ user: 'x'.repeat(apiLimits.maxBodyBytes) }),
    413,
    'request_too_large',
    null,
  ],
])('%s is refused in the shape of OpenAI', async (_name, send, status, code, param) => {
  const response = await send()
  expect(await response.json()).toEqual({
    error: { message: expect.any(String) as string, type: expect.any(String) as string, code, param },
  })
  expect(response.status).toBe(status)
  expect(client.engine.requests).toEqual([])
})

test.each([
  [new ShoalError('no-capacity', 'full'), 429, 'no-capacity', '2'],
  [new ShoalError('no-route', 'nobody holds block 1'), 503, 'no-route', '2'],
  [new ShoalError('deadline-passed', 'slow'), 504, 'deadline-passed', null],
  [new ShoalError('bad-request', 'bad'), 400, 'bad-request', null],
  [new Error('secret of the house'), 500, 'internal', null],
])('%s gets its status, streamed or not', async (failure, status, code, retryAfter) => {
  client.engine.failure = failure
  for (const stream of [false, true]) {
    const response = await client.chat({ stream })
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
  const own = createApiClient({}, { logger, engine: client.engine })
  client.engine.failure = new Error('secret')
  await own.chat()
  client.engine.failure = new ShoalError('no-capacity', 'full')
  await own.chat()
  expect(logged).toEqual([new Error('secret')])
})

test('a failure in the middle of a stream is its last message, and the place is free again', async () => {
  const own = createApiClient({ maxGenerations: 1 }, { engine: client.engine })
  const original = client.engine.generate.bind(client.engine)
  const generate: FakeEngine['generate'] = async function* (request) {
    for await (const event of original(request)) {
      yield event
      throw new ShoalError('peer-vanished', 'the last holder left')
    }
  }
  Object.assign(client.engine, { generate })
  const body = await (await own.chat({ stream: true })).text()
  expect(body).not.toContain('[DONE]')
  expect(body.trim().split('\n\n').at(-1)).toMatch(/^data: \{"error":\{"message":"the last holder left"/)
  Object.assign(client.engine, { generate: original })
  expect((await own.chat()).status).toBe(200)
})

test('more generations than the limit are turned away with Retry-After, and let in again afterwards', async () => {
  const own = createApiClient({ maxGenerations: 1 }, { engine: client.engine })
  let open = (): void => undefined
  client.engine.gate = new Promise((resolve) => {
    open = resolve
  })
  const first = own.chat()
  const second = await own.chat({ stream: true })
  expect([second.status, second.headers.get('retry-after')]).toEqual([429, '2'])
  open()
  expect((await first).status).toBe(200)
  expect((await own.chat()).status).toBe(200)
})

test('while the model loads, callers are told how far it is', async () => {
  const loading = createApiClient({}, { loading: true })
  const response = await loading.chat()
  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toBe('2')
  expect(await response.json()).toMatchObject({
    error: { code: 'model_loading', progress: { activity: 'pack', share: 0.25 } },
  })
  expect((await loading.get('/healthz')).status).toBe(503)
  expect((await client.get('/healthz')).status).toBe(200)
})

test('a model without a tokenizer takes ids and nothing else', async () => {
  const client = createApiClient({}, { engine: createFakeEngine({ tokenizer: null }) })
  expect((await client.text({ prompt: 'abc' })).status).toBe(400)
  expect((await client.chat()).status).toBe(400)
  expect((await client.text({ prompt: [1, 2] })).status).toBe(200)
})

test.each([
  [{ seed: 1.5 }, "'seed' should be a whole number"],
  [{ messages: [] }, "'messages' should have at least 1 entry"],
  [{ messages: undefined }, "'messages' is missing"],
  [{ temperature: 3 }, "'temperature' should be at most 2"],
  [{ stop: [null] }, "'stop.0' should be text"],
  [{ n: '2' }, "'n' should be a number"],
  [{ max_tokens: 'x' }, "'max_tokens' should be a number"],
  [{ tool_choice: 'x' }, '\'tool_choice\' should be "none" or "auto" or "required"'],
  [{ logit_bias: { a: 1 } }, "'logit_bias.a' has a name that is wrong: token ids are whole numbers"],
  [{ stop: Array.from({ length: 17 }, String) }, "'stop': at most 16 stop texts are possible"],
])('%j is refused in plain words', async (fields, sentence) => {
  const body = (await (await client.chat(fields)).json()) as { error: { message: string } }
  expect(body.error.message).toBe(sentence)
})

test('top_p 0 and verbosity medium are taken', async () => {
  expect((await client.chat({ top_p: 0, verbosity: 'medium' })).status).toBe(200)
})
