import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { createApiClient } from '../testing/api-client.ts'
import { readKeyFile } from './api-key.ts'

const as = (key: string) => ({ authorization: `Bearer ${key}` })
const ask = { model: 'letters', prompt: 'abc', max_tokens: 5 }

test('a key has so many requests a minute, and gets the next one when Retry-After says', async () => {
  const clock = createVirtualClock(0)
  const keys = [{ key: 'a', name: 'phone', requestsPerMinute: 2 }, { key: 'b' }]
  const client = createApiClient({ keys }, { clock })
  const status = async (key: string): Promise<number> =>
    (await client.post('/v1/completions', ask, as(key))).status
  expect([await status('a'), await status('a'), await status('b')]).toEqual([200, 200, 200])
  const refused = await client.post('/v1/completions', ask, as('a'))
  expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toEqual([
    429,
    '30',
    {
      error: {
        message: "the API key 'phone' may use 2 requests a minute; try again in 30 s",
        type: 'rate_limit_error',
        param: null,
        code: 'too_many_requests_of_key',
      },
    },
  ])
  expect(await status('b')).toBe(200)
  clock.advance(30_000)
  expect([await status('a'), await status('a')]).toEqual([200, 429])
})

test('tokens of prompt and answer count, and an answer that goes beyond delays the next', async () => {
  const clock = createVirtualClock(0)
  const client = createApiClient({ keys: [{ key: 'a', tokensPerMinute: 6 }] }, { clock })
  expect((await client.post('/v1/completions', ask, as('a'))).status).toBe(200)
  // 3 tokens of the prompt and 5 of the answer: 2 too many, and a request needs one.
  const refused = await client.post('/v1/completions', ask, as('a'))
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '30'])
  clock.advance(30_000)
  expect((await client.post('/v1/completions', ask, as('a'))).status).toBe(200)
})

test('a key has so many answers at once', async () => {
  const client = createApiClient({ keys: [{ key: 'a', concurrency: 1 }, { key: 'b' }] })
  const opened = Promise.withResolvers<void>()
  client.engine.gate = opened.promise
  const first = client.post('/v1/completions', ask, as('a'))
  await expect.poll(() => client.engine.requests.length).toBe(1)
  expect((await client.post('/v1/completions', ask, as('a'))).status).toBe(429)
  const other = client.post('/v1/completions', ask, as('b'))
  opened.resolve()
  expect([(await first).status, (await other).status]).toEqual([200, 200])
})

test('a file of keys is read, and a wrong one is refused without a word of its secrets', () => {
  const key = { name: 'phone', key: 'secret', concurrency: 2 }
  expect(readKeyFile(JSON.stringify({ keys: [key] }))).toEqual([key])
  for (const [text, words] of [
    ['secret', /is not JSON/],
    [JSON.stringify({ keys: [] }), /wrong at 'keys'/],
    [JSON.stringify({ keys: [{ ...key, tokens: 1 }] }), /wrong at 'keys.0.tokens'/],
    [JSON.stringify({ keys: [key, { ...key, key: 'other' }] }), /two API keys have the same name/],
    [JSON.stringify({ keys: [key, { ...key, name: 'other' }] }), /two API keys have the same key/],
  ] as const) {
    expect(() => readKeyFile(text)).toThrow(words)
    expect(() => readKeyFile(text)).toThrow(/^(?!.*secret)/s)
  }
})
