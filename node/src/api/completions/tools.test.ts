import { expect, test } from 'vitest'
import { createApiClient } from '../testing/api-client.ts'
import { scriptedApi } from '../testing/scripted-api.ts'

const weather = {
  type: 'function',
  function: {
    name: 'weather',
    description: 'Weather of a city',
    parameters: { type: 'object', properties: {} },
  },
}
const said =
  '<think>Which city?</think>Let me see.<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>'

interface Delta {
  content?: string
  reasoning_content?: string
  tool_calls?: { index: number; id?: string; function: { name?: string; arguments?: string } }[]
}

test('calls of tools and thoughts are told apart from the content', async () => {
  const { client, prompts } = scriptedApi(said)
  const body = (await (await client.chat({ tools: [weather] })).json()) as { choices: object[] }
  expect(body.choices[0]).toMatchObject({
    finish_reason: 'tool_calls',
    message: {
      content: 'Let me see.',
      reasoning_content: 'Which city?',
      tool_calls: [{ type: 'function', function: { name: 'weather', arguments: '{"city": "Rome"}' } }],
    },
  })
  // A template without a place for tools is told about them in words.
  expect(prompts.at(-1)).toMatch(/^<system>You may call .*"name":"weather".*<user>abc<assistant>$/s)
})

test('a stream of calls adds up to the same', async () => {
  const { client } = scriptedApi(said)
  const text = await (await client.chat({ tools: [weather], stream: true })).text()
  const chunks = text
    .split('\n\n')
    .filter((message) => message.startsWith('data: {'))
    .map(
      (message) =>
        JSON.parse(message.slice(6)) as { choices: { delta: Delta; finish_reason: string | null }[] },
    )
  const deltas = chunks.map(({ choices }) => choices[0]!.delta)
  expect(deltas.map((delta) => delta.content ?? '').join('')).toBe('Let me see.')
  expect(deltas.map((delta) => delta.reasoning_content ?? '').join('')).toBe('Which city?')
  const calls = deltas.flatMap((delta) => delta.tool_calls ?? [])
  expect(calls[0]).toMatchObject({
    index: 0,
    id: expect.stringMatching(/^call_/) as string,
    function: { name: 'weather' },
  })
  expect(calls.map((call) => call.function.arguments).join('')).toBe('{"city": "Rome"}')
  expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('tool_calls')
})

test('with allowed_tools the model is shown these only, and must call one where that is required', async () => {
  const { client, prompts } = scriptedApi(said)
  const other = { type: 'function', function: { name: 'other' } }
  const allowed = (mode: string): object => ({
    tools: [weather, other],
    tool_choice: {
      type: 'allowed_tools',
      allowed_tools: { mode, tools: [{ type: 'function', function: { name: 'weather' } }] },
    },
  })
  expect((await client.chat(allowed('auto'))).status).toBe(200)
  expect(prompts.at(-1)).toContain('"name":"weather"')
  expect(prompts.at(-1)).not.toContain('"name":"other"')
})

test('without tools, or with tool_choice none, a call is text', async () => {
  const { client } = scriptedApi('<tool_call>{"name": "weather", "arguments": {}}</tool_call>')
  for (const fields of [{}, { tools: [] }, { tools: [weather], tool_choice: 'none' }]) {
    const body = (await (await client.chat(fields)).json()) as { choices: object[] }
    expect(body.choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { content: expect.stringContaining('<tool_call>') as string },
    })
  }
})

test('one call at a time, where the caller wants that', async () => {
  const call = '<tool_call>{"name": "weather", "arguments": {}}</tool_call>'
  const { client } = scriptedApi(call + call)
  const count = async (fields: object): Promise<number> => {
    const body = (await (await client.chat({ tools: [weather], ...fields })).json()) as {
      choices: { message: { tool_calls: object[] } }[]
    }
    return body.choices[0]!.message.tool_calls.length
  }
  expect(await count({})).toBe(2)
  expect(await count({ parallel_tool_calls: false })).toBe(1)
})

test('a history with calls and results stays in the prompt, whatever form its contents have', async () => {
  for (const content of [null, '', undefined, []]) {
    const { client, prompts } = scriptedApi('Sunny.')
    const call = {
      id: 'call_1',
      type: 'function',
      function: { name: 'weather', arguments: '{"city":"Rome"}' },
    }
    const response = await client.chat({
      messages: [
        { role: 'user', content: 'abc' },
        { role: 'assistant', content, tool_calls: [call] },
        { role: 'tool', tool_call_id: 'call_1', content: 'sun' },
      ],
    })
    expect(response.status).toBe(200)
    expect(prompts.at(-1)).toContain('"arguments":{"city":"Rome"}')
    expect(prompts.at(-1)).toContain('<tool_response>\nsun')
  }
})

test('every answer has an id, and the caller may name it', async () => {
  const client = createApiClient()
  expect((await client.get('/healthz')).headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{24}$/)
  const named = await client.post('/v1/chat/completions', {}, { 'x-request-id': 'mine-1' })
  expect([named.status, named.headers.get('x-request-id')]).toEqual([400, 'mine-1'])
})

test('paths with too many slashes are understood, and a wrong base URL is told', async () => {
  const client = createApiClient()
  expect((await client.get('//v1/models/')).status).toBe(200)
  const response = await client.post('/chat/completions', {})
  expect([response.status, await response.text()]).toEqual([
    404,
    expect.stringContaining('/v1/chat/completions is'),
  ])
})

test('calls that must come, and forms of the content, are grammars of the answer', async () => {
  const { client, grammars } = scriptedApi('{}')
  const schema = { type: 'object', properties: { a: { type: 'integer' } } }
  const other = { type: 'function', function: { name: 'time' } }
  for (const fields of [
    { response_format: { type: 'json_schema', json_schema: { name: 'a', schema } } },
    { response_format: { type: 'json_object' } },
    { tools: [weather, other], tool_choice: 'required' },
    { tools: [weather, other], tool_choice: { type: 'function', function: { name: 'time' } } },
  ])
    expect((await client.chat(fields)).status).toBe(200)
  const begin = (name: string): string => `<tool_call>\n{"name": "${name}", "arguments": `
  const end = '}\n</tool_call>'
  const time = {
    name: "the tool 'time'",
    begin: begin('time'),
    schema: { type: 'object', additionalProperties: false },
    end,
  }
  expect(grammars).toEqual([
    { kind: 'json-schema', schema },
    { kind: 'json-schema', schema: { type: 'object' } },
    {
      kind: 'tags',
      tags: [
        {
          name: "the tool 'weather'",
          begin: begin('weather'),
          schema: { type: 'object', properties: {} },
          end,
        },
        time,
      ],
      separator: '\n',
    },
    { kind: 'tags', tags: [time] },
  ])
  const refused = await client.chat({ tools: [weather], response_format: { type: 'json_object' } })
  expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('response_format')])
})

const schema = { type: 'object', properties: { a: { type: 'integer' } } }
const wrong = { type: 'object', properties: { a: { not: {} } } }
const chat = { model: 'letters', messages: [{ role: 'user', content: 'abc' }] }
type FormOf = (schema: object) => object

/** How each dialect asks for JSON of a schema, and the name of the field. */
const dialects: readonly (readonly [string, string, FormOf])[] = [
  [
    '/v1/chat/completions',
    'response_format',
    (given) => ({
      ...chat,
      response_format: { type: 'json_schema', json_schema: { name: 'a', schema: given } },
    }),
  ],
  [
    '/v1/responses',
    'text.format',
    (given) => ({
      model: 'letters',
      input: 'abc',
      text: { format: { type: 'json_schema', name: 'a', schema: given, strict: true } },
    }),
  ],
  [
    '/v1/messages',
    'output_config.format',
    (given) => ({
      ...chat,
      max_tokens: 9,
      output_config: { format: { type: 'json_schema', schema: given } },
    }),
  ],
  ['/api/chat', 'format', (given) => ({ ...chat, format: given })],
  ['/api/generate', 'format', (given) => ({ model: 'letters', prompt: 'abc', format: given })],
  ['/api/generate', 'format', (given) => ({ model: 'letters', prompt: 'abc', format: given, raw: true })],
]

test.each(dialects)(
  '%s keeps to the schema of %s, or refuses it before anything is computed',
  async (path, param, bodyOf) => {
    const { client, grammars } = scriptedApi('{}')
    expect((await client.post(path, bodyOf(schema))).status).toBe(200)
    expect(grammars).toEqual([{ kind: 'json-schema', schema }])
    const refused = await client.post(path, { ...bodyOf(wrong), stream: true })
    expect([refused.status, await refused.text()]).toEqual([
      400,
      expect.stringContaining(
        `'${param}': the JSON schema at /properties/a cannot become a grammar: 'not' is not supported`,
      ),
    ])
    expect(grammars).toHaveLength(1)
  },
)

test('a tool that must be called and whose schema cannot be kept is named', async () => {
  const { client } = scriptedApi('')
  const tools = [weather, { type: 'function', function: { name: 'time', parameters: wrong } }]
  const refused = await client.chat({ tools, tool_choice: 'required' })
  expect(await refused.json()).toMatchObject({
    error: {
      param: 'tools',
      message: expect.stringMatching(
        /the tool 'time': .* at \/properties\/a cannot become a grammar/,
      ) as string,
    },
  })
  // Where the model may choose, its arguments are its own.
  expect((await client.chat({ tools })).status).toBe(200)
})

test('the schemas of all tools together cost a bounded time', async () => {
  const { client } = scriptedApi('')
  // Each alone is allowed, and takes some 10 ms; all 128 took 1.3 s, and larger ones more, before they were counted together.
  const oneOf = Array.from({ length: 100 }, (_, value) => ({
    type: 'object',
    properties: { a: { const: value } },
    required: ['a'],
    additionalProperties: false,
  }))
  const tools = Array.from({ length: 128 }, (_, index) => ({
    type: 'function',
    function: { name: `tool${index}`, parameters: { oneOf } },
  }))
  const refused = await client.chat({ tools, tool_choice: 'required' })
  expect([refused.status, await refused.text()]).toEqual([
    400,
    expect.stringMatching(/'tools': the tool 'tool\d+': .* takes more than \d+ steps/),
  ])
  expect((await client.chat({ tools: tools.slice(0, 1), tool_choice: 'required' })).status).toBe(200)
})

test('a mark inside of a text among the arguments is text', async () => {
  const given = '{"city": "a </tool_call> b <tool_call>"}'
  const { client } = scriptedApi(`<tool_call>\n{"name": "weather", "arguments": ${given}}\n</tool_call>`)
  const body = (await (await client.chat({ tools: [weather] })).json()) as { choices: object[] }
  expect(body.choices[0]).toMatchObject({
    message: { content: null, tool_calls: [{ function: { arguments: given } }] },
  })
})
