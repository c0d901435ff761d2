import { expect, test } from 'vitest'
import { createApiClient } from './testing/api-client.ts'

const client = createApiClient()

test.each([
  ['/tokenize', { prompt: 'abc' }, { tokens: [97, 98, 99], count: 3, max_model_len: 256 }],
  ['/tokenize', { model: 'letters', content: 'a' }, { tokens: [97], count: 1, max_model_len: 256 }],
  ['/detokenize', { tokens: [97, 98] }, { prompt: 'ab', content: 'ab' }],
])('%s %j', async (path, body, answer) => {
  expect(await (await client.post(path, body)).json()).toEqual(answer)
})

test.each([
  ['/tokenize', {}, 'prompt'],
  ['/tokenize', { prompt: 'a', messages: [] }, 'messages'],
  ['/tokenize', { prompt: 'a', model: 'other' }, 'model'],
  ['/detokenize', { tokens: [128] }, 'tokens'],
  ['/detokenize', { tokens: [-1] }, 'tokens.0'],
  ['/detokenize', { tokens: Array.from({ length: 257 }, () => 97) }, 'tokens'],
])('%s %j is refused by the name of the field', async (path, body, param) => {
  const response = await client.post(path, body)
  expect([response.ok, await response.json()]).toMatchObject([false, { error: { param } }])
})

test('counting waits behind the same key as answers', async () => {
  const keyed = createApiClient({ keys: [{ key: 'k' }] })
  expect((await keyed.post('/tokenize', { prompt: 'a' })).status).toBe(401)
  expect((await keyed.post('/tokenize', { prompt: 'a' }, { authorization: 'Bearer k' })).status).toBe(200)
})

test.each(['/tokenize', '/v1/chat/completions', '/v1/messages', '/v1/responses', '/api/chat'])(
  'a body that is nested without end is refused before it is read: %s',
  async (path) => {
    const inner = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    const body = `{"model": "letters", "text": "[[\\"[[", "inner": ${inner}}`
    const response = await client.post(path, body)
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringMatching(/nested deeper than 512 levels/),
    ])
  },
)
