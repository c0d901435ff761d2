import type { ChatMessage } from '@shoal/model'
import { expect, test } from 'vitest'
import { createApiClient } from '../testing/api-client.ts'
import { scriptedApi } from '../testing/scripted-api.ts'
import { clearThoughts, contextManagement } from './messages.ts'

const weather = { name: 'weather', input_schema: { type: 'object', properties: {} } }
const said =
  '<think>Which city?</think>Let me see.<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>'
const ask = { model: 'letters', max_tokens: 40, messages: [{ role: 'user', content: 'abc' }] }

interface StreamEvent {
  readonly type: string
  readonly index?: number
  readonly delta?: Record<string, string | null>
  readonly content_block?: Record<string, unknown>
}

const eventsOf = (text: string): StreamEvent[] =>
  text
    .split('\n\n')
    .filter((message) => message !== '')
    .map((message) => {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(message) ?? []
      const event = JSON.parse(data ?? '{}') as StreamEvent
      expect(event.type).toBe(name)
      return event
    })

test('an answer has blocks of thinking, text and calls', async () => {
  const { client } = scriptedApi(said)
  const response = await client.post('/v1/messages', { ...ask, tools: [weather] })
  expect(await response.json()).toMatchObject({
    type: 'message',
    role: 'assistant',
    model: 'letters',
    content: [
      { type: 'thinking', thinking: 'Which city?' },
      { type: 'text', text: 'Let me see.' },
      {
        type: 'tool_use',
        id: expect.stringMatching(/^toolu_/) as string,
        name: 'weather',
        input: { city: 'Rome' },
      },
    ],
    stop_reason: 'tool_use',
    stop_sequence: null,
    usage: { input_tokens: 1, cache_read_input_tokens: 0 },
  })
})

test('a stream has the documented events in their order, and adds up to the same', async () => {
  const { client } = scriptedApi(said)
  const response = await client.post('/v1/messages', { ...ask, tools: [weather], stream: true })
  const events = eventsOf(await response.text())
  const order = events.map(({ type, content_block: block }) =>
    block === undefined ? type : `${type} ${String(block['type'])}`,
  )
  expect(order.filter((name, at) => name !== order[at - 1])).toEqual([
    'message_start',
    'content_block_start thinking',
    'content_block_delta',
    'content_block_stop',
    'content_block_start text',
    'content_block_delta',
    'content_block_stop',
    'content_block_start tool_use',
    'content_block_delta',
    'content_block_stop',
    'message_delta',
    'message_stop',
  ])
  const joined = (index: number, field: string): string =>
    events.map((event) => (event.index === index ? (event.delta?.[field] ?? '') : '')).join('')
  expect([joined(0, 'thinking'), joined(1, 'text'), joined(2, 'partial_json')]).toEqual([
    'Which city?',
    'Let me see.',
    '{"city": "Rome"}',
  ])
  expect(events.at(-2)?.delta).toMatchObject({ stop_reason: 'tool_use' })
})

test('an answer that is cut says so, and one that met a stop sequence names it', async () => {
  const client = createApiClient()
  const cut = await client.post('/v1/messages', { ...ask, max_tokens: 3 })
  expect(await cut.json()).toMatchObject({ stop_reason: 'max_tokens', usage: { output_tokens: 3 } })
  const stopped = await client.post('/v1/messages', {
    ...ask,
    messages: [{ role: 'user', content: 'z' }],
    stop_sequences: ['q', '>'],
  })
  expect(await stopped.json()).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: '>' })
})

test('system texts, results of tools and thoughts of the history stand in the prompt', async () => {
  const { client, prompts } = scriptedApi('Sunny.')
  const response = await client.post('/v1/messages', {
    ...ask,
    system: [
      { type: 'text', text: 'x-anthropic-billing-header: cch=1;' },
      { type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } },
    ],
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'ab' },
          { type: 'text', text: 'c' },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Hm.', signature: '' },
          { type: 'text', text: 'Let me see.' },
          { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Rome' } },
        ],
      },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: 'toolu_1',
            content: [{ type: 'text', text: 'no city' }],
            is_error: true,
          },
          { type: 'text', text: 'So?' },
        ],
      },
    ],
  })
  expect(response.status).toBe(200)
  expect(prompts.at(-1)).toBe(
    '<system>Be brief.<user>abc<assistant>Let me see.\n<tool_call>\n{"name":"weather","arguments":{"city":"Rome"}}\n</tool_call><user><tool_response>\nError: no city\n</tool_response><user>So?<assistant>',
  )
})

test('thoughts of earlier turns are left out where the caller wants that', () => {
  const turn = (reasoning: string): ChatMessage => ({ role: 'assistant', content: 'b', reasoning })
  const chat: ChatMessage[] = [turn('one'), { role: 'user', content: 'a' }, turn('two'), turn('three')]
  const left = (keep?: object | 'all'): unknown[] => {
    const edits = [{ type: 'clear_thinking_20251015', ...(keep !== undefined && { keep }) }]
    const asked = contextManagement.parse({ edits })
    return clearThoughts(chat, asked).flatMap(({ reasoning }) => reasoning ?? [])
  }
  expect(left('all')).toEqual(['one', 'two', 'three'])
  expect(left({ type: 'thinking_turns', value: 2 })).toEqual(['two', 'three'])
  expect(left()).toEqual(['three'])
  expect(clearThoughts(chat, undefined)).toEqual(chat)
})

test('thinking is a variable of the chat template', async () => {
  const { client, prompts } = scriptedApi('Yes.')
  await client.post('/v1/messages', { ...ask, thinking: { type: 'enabled', budget_tokens: 1024 } })
  await client.post('/v1/messages', {
    ...ask,
    thinking: { type: 'disabled' },
    output_config: { effort: 'low' },
  })
  expect(prompts.slice(-2)).toEqual([
    '{"enable_thinking":true,"thinking":true}<user>abc<assistant>',
    '{"reasoning_effort":"low","enable_thinking":false,"thinking":false}<user>abc<assistant>',
  ])
})

test('the tokens of a prompt can be counted, and are those that an answer reports', async () => {
  const client = createApiClient()
  const { max_tokens: _, ...prompt } = { ...ask, system: 'Be brief.' }
  const counted = await client.post('/v1/messages/count_tokens', prompt)
  const answered = await client.post('/v1/messages', { ...ask, system: 'Be brief.' })
  const { usage } = (await answered.json()) as { usage: { input_tokens: number } }
  expect(await counted.json()).toEqual({ input_tokens: usage.input_tokens })
})

test.each([
  [
    'an image',
    { messages: [{ role: 'user', content: [{ type: 'image' }] }] },
    /type 'image' are not supported/,
  ],
  [
    'a search on the web',
    { tools: [{ type: 'web_search_20250305', name: 'web_search' }] },
    /only tools of the type/,
  ],
  [
    'a beginning of the answer with a blank at its end',
    { messages: [{ role: 'assistant', content: 'I ' }] },
    /final assistant content cannot end with trailing whitespace/,
  ],
  ['no max_tokens', { max_tokens: undefined }, /max_tokens/],
  ['a field of tomorrow', { tomorrow: {} }, /'tomorrow' is not supported here/],
  [
    'another edit of the context than that of thoughts',
    { context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } },
    /only thoughts can be left out/,
  ],
  [
    'a message of the system',
    { messages: [{ role: 'system', content: 'a' }] },
    /'messages.0.role': a role is "user" or "assistant"/,
  ],
  [
    'a form of the answer',
    { output_config: { format: { type: 'json_schema', schema: { not: {} } } } },
    /'output_config.format': .*'not' is not supported/,
  ],
])('%s is refused in the form of this API', async (_, fields, words) => {
  const response = await createApiClient().post('/v1/messages', { ...ask, ...fields })
  expect([response.status, await response.json()]).toEqual([
    400,
    {
      type: 'error',
      error: { type: 'invalid_request_error', message: expect.stringMatching(words) as string },
      request_id: null,
    },
  ])
})

test('a key may stand in x-api-key', async () => {
  const client = createApiClient({ keys: [{ key: 'k' }] })
  expect((await client.post('/v1/messages', ask, { 'x-api-key': 'k' })).status).toBe(200)
  const refused = await client.post('/v1/messages', ask, { 'x-api-key': 'wrong' })
  expect([refused.status, await refused.json()]).toMatchObject([
    401,
    { error: { type: 'authentication_error' } },
  ])
})
