import { expect, test } from 'vitest'
import { createApiClient } from '../testing/api-client.ts'
import { scriptedApi } from '../testing/scripted-api.ts'

const weather = { type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }
const said =
  '<think>Which city?</think>Let me see.<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>'
const ask = { model: 'letters', messages: [{ role: 'user', content: 'abc' }] }

interface Line {
  readonly message?: { content: string; thinking?: string; tool_calls?: object[] }
  readonly response?: string
  readonly done: boolean
}

const linesOf = (text: string): Line[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)

test('an answer has its thoughts, its content and its calls, and the times in nanoseconds', async () => {
  const { client } = scriptedApi(said)
  const response = await client.post('/api/chat', { ...ask, tools: [weather], stream: false })
  expect(await response.json()).toMatchObject({
    model: 'letters',
    created_at: '2023-11-14T22:13:20.000Z',
    message: {
      role: 'assistant',
      content: 'Let me see.',
      thinking: 'Which city?',
      tool_calls: [{ function: { name: 'weather', arguments: { city: 'Rome' } } }],
    },
    done: true,
    done_reason: 'stop',
    prompt_eval_count: 1,
    prompt_eval_duration: 1_000_000,
    load_duration: 0,
  })
})

test('answers are streamed unless the caller says otherwise, with calls as a whole', async () => {
  const { client } = scriptedApi(said)
  const response = await client.post('/api/chat', { ...ask, tools: [weather] })
  expect(response.headers.get('content-type')).toBe('application/x-ndjson')
  const lines = linesOf(await response.text())
  const messages = lines.map(({ message }) => message)
  expect(messages.map((message) => message?.content).join('')).toBe('Let me see.')
  expect(messages.map((message) => message?.thinking ?? '').join('')).toBe('Which city?')
  expect(messages.flatMap((message) => message?.tool_calls ?? [])).toMatchObject([
    { function: { name: 'weather', arguments: { city: 'Rome' } } },
  ])
  expect(lines.map(({ done }) => done).indexOf(true)).toBe(lines.length - 1)
})

test('options are those of the sampler', async () => {
  const client = createApiClient()
  const options = {
    num_predict: 4,
    temperature: 0.3,
    seed: 9,
    stop: ['x', 'y'],
    top_k: 5,
    top_p: 0.5,
    min_p: 0.1,
    repeat_penalty: 1.2,
    presence_penalty: 0.3,
    frequency_penalty: 0.4,
    num_ctx: 4096,
    num_thread: 2,
  }
  const response = await client.post('/api/generate', { model: 'letters', prompt: 'abc', raw: true, options })
  expect(linesOf(await response.text()).at(-1)).toMatchObject({ done_reason: 'length', eval_count: 4 })
  expect(client.engine.requests[0]).toMatchObject({
    promptIds: [97, 98, 99],
    maxTokens: 4,
    stop: ['x', 'y'],
    sampling: {
      temperature: 0.3,
      seed: 9,
      topK: 5,
      topP: 0.5,
      minP: 0.1,
      repetitionPenalty: 1.2,
      presencePenalty: 0.3,
      frequencyPenalty: 0.4,
    },
  })
  await client.post('/api/generate', {
    model: 'letters',
    prompt: 'abc',
    options: { num_predict: -1, stop: 'z' },
  })
  expect(client.engine.requests[1]).toMatchObject({
    maxTokens: 256 - '<user>abc<assistant>'.length,
    stop: ['z'],
  })
})

test('a request without a prompt has the model loaded, which it is', async () => {
  const client = createApiClient()
  for (const [path, body] of [
    ['/api/generate', { model: 'letters' }],
    ['/api/chat', { model: 'letters', messages: [] }],
  ] as const)
    expect(await (await client.post(path, body)).json()).toMatchObject({ done: true, done_reason: 'load' })
})

test.each([
  ['mirostat', { options: { mirostat: 2 } }, /options.mirostat/],
  ['an option of tomorrow', { options: { warp: 9 } }, /'options.warp' is not supported here/],
  ['an image', { messages: [{ role: 'user', content: 'x', images: ['aGk='] }] }, /messages.0.images/],
  ['a form of the answer', { format: 'yaml' }, /format/],
  ['another model', { model: 'other' }, /model 'other' is not served here/],
])('%s is refused in the form of this API', async (_, fields, words) => {
  const response = await createApiClient().post('/api/chat', { ...ask, ...fields })
  expect([response.ok, await response.json()]).toEqual([
    false,
    { error: expect.stringMatching(words) as string },
  ])
})

test('a failure before the first line has its own status, in the form of this API', async () => {
  const client = createApiClient()
  const opened = Promise.withResolvers<void>()
  client.engine.gate = opened.promise
  const answered = client.post('/api/chat', ask)
  await expect.poll(() => client.engine.requests.length).toBe(1)
  client.engine.failure = new Error('a secret')
  opened.resolve()
  const response = await answered
  expect([response.status, await response.text()]).toEqual([
    500,
    '{"error":"internal error; the log of the node has more"}',
  ])
})
