import { beforeEach, expect, test } from 'vitest'
import { createApiClient, type ApiClient } from './testing/api-client.ts'

/**
 * What clients of 2026 send and servers have refused or ignored, each in the smallest request that shows it. Histories with
 * calls, slow prompts, preflights, and prompts that are reused have tests of their own beside the code that they concern.
 */
let client: ApiClient
beforeEach(() => {
  client = createApiClient()
})

test.each([
  ['no bound, as -1', { max_tokens: -1 }],
  ['more tokens than the context has', { max_tokens: 100_000_000 }],
  ['an empty list of tools', { tools: [] }],
  ['a choice among no tools', { tools: [], tool_choice: 'auto' }],
  ['nine stop texts', { stop: Array.from('zyxwvutsr') }],
  ['penalties of 1', { presence_penalty: 1, frequency_penalty: 1 }],
  ['a least probability', { min_p: 0.1 }],
  ['variables of the chat template', { chat_template_kwargs: { enable_thinking: false } }],
  ['an effort of thinking', { reasoning_effort: 'low' }],
  ['the tag latest', { model: 'letters:latest' }],
  ['a developer in mid-chat', { messages: ['user', 'developer', 'user'].map(said) }],
  [
    'contents in parts of both names',
    { messages: [{ role: 'user', content: ['text', 'input_text'].map((type) => ({ type, text: 'b' })) }] },
  ],
  ['half of an emoji', { messages: [{ role: 'user', content: 'emoji \ud83d' }] }],
])('%s is understood', async (_name, fields) => {
  const response = await client.chat(fields)
  expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('"usage"')])
})

function said(role: string): object {
  return { role, content: 'abc' }
}

test.each([
  ['guided_json', {}],
  ['grammar', ''],
  ['min_tokens', 5],
  ['continue_final_message', true],
  ['functions', []],
  ['store', true],
  ['max_tokens', 0],
  ['stop', Array.from({ length: 17 }, () => 'z')],
  ['model', 'LETTERS'],
])('what would change the answer and is not done, %s, is refused by its name', async (param, value) => {
  const response = await client.chat({ [param]: value })
  const { error } = (await response.json()) as { error: { param: string; message: string } }
  expect([response.status, error.param]).toEqual([param === 'model' ? 404 : 400, param])
})

test('a prompt that fills the context is refused in the words by which clients know it, and one token less is not', async () => {
  const { contextLength } = client.engine.manifest.manifest.config
  const prompt = (tokens: number) => client.text({ prompt: Array<number>(tokens).fill(97) })
  expect((await prompt(contextLength - 1)).status).toBe(200)
  const refused = await prompt(contextLength)
  expect([refused.status, await refused.json()]).toEqual([
    400,
    {
      error: expect.objectContaining({
        code: 'context_length_exceeded',
        message: expect.stringMatching(new RegExp(`maximum context length is ${contextLength} tokens`)),
      }),
    },
  ])
})

test.each([
  ['/v1/models/', 200],
  ['//v1/models', 200],
  ['/v1/v1/models', 404],
  ['/models', 404],
  ['/nope', 404],
  ['/api/version', 200],
  ['/api/tags', 200],
])('GET %s is %d, in JSON', async (path, status) => {
  const response = await client.get(path)
  expect([response.status, response.headers.get('content-type')]).toEqual([
    status,
    expect.stringMatching(/^application\/json/),
  ])
})

test('a container reaches the API by the name that it has for its host, where that name is allowed', async () => {
  const ask = (api: ApiClient) =>
    api.app.request('/v1/models', { headers: { host: 'host.docker.internal:8090' } })
  const refused = await ask(client)
  expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining('--api-host NAME')])
  expect((await ask(createApiClient({ hosts: ['host.docker.internal'] }))).status).toBe(200)
})

test('a mark of the byte order and line breaks of Windows do not make a body wrong', async () => {
  const body = JSON.stringify({ model: 'letters', max_tokens: 1, messages: [said('user')] }, null, 1)
  const response = await client.post('/v1/chat/completions', `\ufeff${body.replaceAll('\n', '\r\n')}`)
  expect(response.status).toBe(200)
})
