import { expect, test } from 'vitest'
import { createApiClient } from '../../testing/api-client.ts'
import { scriptedApi } from '../../testing/scripted-api.ts'

const weather = { type: 'function', name: 'weather', parameters: { type: 'object', properties: {} } }
const said =
  '<think>Which city?</think>Let me see.<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>'
const ask = { model: 'letters', input: 'abc', tools: [weather] }

const output = [
  { type: 'reasoning', content: [{ type: 'reasoning_text', text: 'Which city?' }] },
  { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Let me see.' }] },
  { type: 'function_call', name: 'weather', arguments: '{"city": "Rome"}', status: 'completed' },
]

test('a response has items of thoughts, words and calls', async () => {
  const { client } = scriptedApi(said)
  const response = await client.post('/v1/responses', ask)
  expect(await response.json()).toMatchObject({
    object: 'response',
    status: 'completed',
    output,
    output_text: 'Let me see.',
    usage: { input_tokens: 1 },
  })
})

test('a stream has the documented events in their order, and its last one has the same response', async () => {
  const { client } = scriptedApi(said)
  const text = await (await client.post('/v1/responses', { ...ask, stream: true })).text()
  const events = [...text.matchAll(/^event: (.*)\ndata: (.*)$/gm)].map(([, name, data]) => {
    const event = JSON.parse(data ?? '') as { type: string; sequence_number: number; response?: object }
    expect(event.type).toBe(name)
    return event
  })
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, at) => at))
  const order = events.map(({ type }) => type.replace('response.', ''))
  expect(order.filter((name, at) => name !== order[at - 1])).toEqual([
    'created',
    'in_progress',
    'output_item.added',
    'content_part.added',
    'reasoning_text.delta',
    'reasoning_text.done',
    'content_part.done',
    'output_item.done',
    'output_item.added',
    'content_part.added',
    'output_text.delta',
    'output_text.done',
    'content_part.done',
    'output_item.done',
    'output_item.added',
    'function_call_arguments.delta',
    'function_call_arguments.done',
    'output_item.done',
    'completed',
  ])
  expect(events.at(-1)?.response).toMatchObject({ status: 'completed', output })
})

test('an answer that is cut is incomplete', async () => {
  const response = await createApiClient().post('/v1/responses', { ...ask, tools: [], max_output_tokens: 2 })
  expect(await response.json()).toMatchObject({
    status: 'incomplete',
    incomplete_details: { reason: 'max_output_tokens' },
    usage: { output_tokens: 2 },
  })
})

test('earlier items stand in the prompt, and neighbouring ones of the assistant are one message', async () => {
  const { client, prompts } = scriptedApi('Sunny.')
  const response = await client.post('/v1/responses', {
    ...ask,
    tools: [],
    instructions: 'Be brief.',
    input: [
      { role: 'user', content: [{ type: 'input_text', text: 'abc' }] },
      { type: 'reasoning', id: 'rs_1', summary: [], content: [{ type: 'reasoning_text', text: 'Hm.' }] },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Let me see.' }] },
      { type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '{"city":"Rome"}' },
      { type: 'function_call_output', call_id: 'call_1', output: 'sun' },
    ],
  })
  expect(response.status).toBe(200)
  expect(prompts.at(-1)).toBe(
    '<system>Be brief.<user>abc<assistant>Let me see.\n<tool_call>\n{"name":"weather","arguments":{"city":"Rome"}}\n</tool_call><user><tool_response>\nsun\n</tool_response><assistant>',
  )
})

test.each([
  ['store', { store: true }, /answers are not stored here/],
  ['previous_response_id', { previous_response_id: 'resp_1' }, /answers are not stored here/],
  ['background', { background: true }, /while its caller waits/],
  ['tools.0.type', { tools: [{ type: 'web_search' }] }, /only tools of the type "function"/],
  [
    'input.0.type',
    { input: [{ type: 'item_reference', id: 'x' }] },
    /type 'item_reference' are not supported/,
  ],
  ['input.0.role', { input: [{ role: 'king', content: 'x' }] }, /input.0.role/],
  ['text.format.type', { text: { format: { type: 'json_lines' } } }, /text/],
  ['warp', { warp: 9 }, /'warp' is not supported here/],
])('%s is refused by its name', async (param, fields, words) => {
  const response = await createApiClient().post('/v1/responses', { ...ask, ...fields })
  expect([response.status, await response.json()]).toMatchObject([
    400,
    { error: { param, message: expect.stringMatching(words) as string } },
  ])
})

test('with allowed_tools the model is shown these only', async () => {
  const { client, prompts } = scriptedApi(said)
  const tools = [weather, { ...weather, name: 'other' }]
  const tool_choice = { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'weather' }] }
  const text = { verbosity: 'medium' }
  expect((await client.post('/v1/responses', { ...ask, tools, tool_choice, text })).status).toBe(200)
  expect(prompts.at(-1)).toContain('"name":"weather"')
  expect(prompts.at(-1)).not.toContain('"name":"other"')
})
