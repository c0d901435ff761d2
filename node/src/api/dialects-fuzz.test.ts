import { seededRandom, type Random } from '@shoal/host'
import { expect, test } from 'vitest'
import { createApiClient } from './testing/api-client.ts'
import { createFakeEngine } from './testing/fake-engine.ts'

/**
 * Right requests of every dialect with one to three places of their JSON broken. Whatever comes, the answer is a success or
 * an error of the dialect's own form that says that it is the caller's fault, it comes in a moment, and no place stays taken.
 */
const model = 'letters'
const schema = { type: 'object', properties: { a: { type: 'string', maxLength: 3 } }, required: ['a'] }
const call = { name: 'weather', arguments: { city: 'Rome' } }

const requests: Readonly<Record<string, object>> = {
  '/v1/messages': {
    model,
    max_tokens: 3,
    system: [{ type: 'text', text: 'a' }],
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'a' }] },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'b', signature: '' },
          { type: 'tool_use', id: 't', name: 'weather', input: { city: 'Rome' } },
        ],
      },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: 'c', is_error: false }] },
    ],
    tools: [{ name: 'weather', input_schema: schema }],
    tool_choice: { type: 'auto', disable_parallel_tool_use: true },
    stop_sequences: ['z'],
    temperature: 0.5,
    top_k: 4,
  },
  '/v1/messages/count_tokens': { model, messages: [{ role: 'user', content: 'abc' }], system: 'a' },
  '/v1/responses': {
    model,
    max_output_tokens: 3,
    instructions: 'a',
    input: [
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'a' }] },
      { type: 'reasoning', content: [{ text: 'b' }], summary: [] },
      { type: 'function_call', call_id: 'c', name: 'weather', arguments: '{"city":"Rome"}' },
      { type: 'function_call_output', call_id: 'c', output: 'sun' },
    ],
    tools: [{ type: 'function', name: 'weather', parameters: schema }],
    reasoning: { effort: 'low' },
    metadata: { a: 'b' },
    store: false,
  },
  '/v1/chat/completions': {
    model,
    max_tokens: 3,
    messages: [
      { role: 'user', content: 'a' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'weather', arguments: '{"city":"R"}' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: 'sun' },
    ],
    tools: [{ type: 'function', function: { name: 'weather', parameters: schema } }],
    logit_bias: { 97: 1 },
    chat_template_kwargs: { enable_thinking: false },
  },
  '/api/chat': {
    model,
    stream: false,
    messages: [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: '', tool_calls: [{ function: call }] },
      { role: 'tool', tool_name: 'weather', content: 'sun' },
    ],
    tools: [{ type: 'function', function: { name: 'weather', parameters: schema } }],
    options: { num_predict: 3, stop: ['z'], top_k: 3 },
  },
  '/api/generate': { model, prompt: 'abc', system: 'a', options: { num_predict: 3 }, think: false },
  '/api/show': { model },
  '/tokenize': { prompt: 'abc', add_special_tokens: false },
  '/detokenize': { tokens: [97, 98] },
  '/v1/forward': { model, token_ids: [97, 98], layers: [0, 1] },
}

const junk: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1e308,
  2 ** 53,
  '',
  '\u0000\u001b[2J\ud800',
  'a'.repeat(5000),
  [],
  {},
  [[[[]]]],
  { type: 'image' },
  { $ref: '#' },
  JSON.parse('{"__proto__":{"model":"letters"},"constructor":1}') as unknown,
]

const below = (random: Random, end: number): number => random.uint32() % end

/** One place of a value, chosen by chance, replaced, doubled or taken out. */
function broken(value: unknown, random: Random): unknown {
  const isContainer = typeof value === 'object' && value !== null && Object.keys(value).length > 0
  if (!isContainer || below(random, 6) === 0) return junk[below(random, junk.length)]
  const keys = Object.keys(value)
  const key = keys[below(random, keys.length)] ?? ''
  const inner = (value as Record<string, unknown>)[key]
  const how = below(random, 8)
  if (Array.isArray(value)) {
    const items = value.map((item: unknown, index) => (String(index) === key ? broken(item, random) : item))
    return how === 0 ? items.slice(1) : how === 1 ? [...items, inner, inner] : items
  }
  const copy: Record<string, unknown> = { ...value }
  if (how === 0) delete copy[key]
  else if (how === 1) copy[`${key}x`] = inner
  else copy[key] = broken(inner, random)
  return copy
}

/** The message of an error, in the form that clients of this path read. */
function messageOf(path: string, body: string): unknown {
  const { error, type } = JSON.parse(body) as { error: { message?: unknown } | string; type?: unknown }
  if (path.startsWith('/api/')) return error
  if (path.startsWith('/v1/messages')) expect(type).toBe('error')
  return typeof error === 'string' ? null : error.message
}

const perPath = 150
const slowMs = 1000

test.each(Object.entries(requests))('%s answers whatever is broken in a request', async (path, right) => {
  const letters = createFakeEngine().tokenizer!
  // Descriptions of tools do not fit into the context of the letters.
  const encode = (text: string): Promise<number[]> => letters.encode(text.slice(0, 100))
  const engine = createFakeEngine({ tokenizer: { ...letters, encode } })
  const client = createApiClient({ maxGenerations: 1 }, { engine })
  const random = seededRandom(15)
  const first = await client.post(path, right)
  expect([first.status, await first.text()]).toEqual([200, expect.any(String)])
  let refused = 0
  for (let turn = 0; turn < perPath; turn += 1) {
    let body: unknown = right
    for (let count = 1 + below(random, 3); count > 0; count -= 1) body = broken(body, random)
    const sent = JSON.stringify(body)
    const started = process.cpuUsage()
    const response = await client.post(path, sent)
    const text = await response.text()
    // Time that this process has computed: a busy machine makes no request slow.
    expect(process.cpuUsage(started).user / 1000, sent).toBeLessThan(slowMs)
    if (response.status < 400) continue
    refused += 1
    expect(response.status, `${sent} ${text}`).toBeLessThan(500)
    expect(messageOf(path, text), sent).toEqual(expect.any(String))
  }
  // Bodies that are all right, or all wrong at their first field, would prove little.
  expect(refused).toBeGreaterThan(perPath / 4)
  expect(client.engine.ended()).toBe(client.engine.requests.length)
  expect((await client.post(path, right)).status).toBe(200)
})
