import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { apiLimits } from '../limits.ts'
import { createApiClient } from '../testing/api-client.ts'
import { createFakeEngine } from '../testing/fake-engine.ts'

const chat = (fields: object = {}): string =>
  JSON.stringify({
    model: 'letters',
    messages: [{ role: 'user', content: 'abc' }],
    max_tokens: 5,
    stream: true,
    ...fields,
  })

test('one key cannot hold all places: the others keep a quarter', async () => {
  const client = createApiClient({ keys: [{ key: 'one' }, { key: 'two' }], maxGenerations: 4 })
  const ask = (key: string): Promise<Response> =>
    client.post('/v1/chat/completions', chat(), { authorization: `Bearer ${key}` })
  const held = [await ask('one'), await ask('one'), await ask('one')]
  const refused = await ask('one')
  expect([refused.status, await refused.json()]).toMatchObject([
    429,
    { error: { code: 'too_many_generations_of_caller' } },
  ])
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  const others = await ask('two')
  expect(others.status).toBe(200)
  expect((await ask('two')).status).toBe(429)
  // A place that is given back counts for its key.
  await held[0]?.text()
  expect((await ask('one')).status).toBe(200)
  for (const response of [...held.slice(1), others]) await response.body?.cancel()
})

test('callers that are told apart share no beginnings of prompts; one owner of all keys shares them', async () => {
  const ownersOf = async (keys: readonly string[]): Promise<readonly unknown[]> => {
    const client = createApiClient({ keys: keys.map((key) => ({ key })) })
    for (const key of [...keys, ...keys])
      await (await client.post('/v1/chat/completions', chat(), { authorization: `Bearer ${key}` })).text()
    return client.engine.requests.map(({ prefixOwner }) => prefixOwner)
  }
  expect(await ownersOf(['one', 'two'])).toEqual(['key 0', 'key 1', 'key 0', 'key 1'])
  expect(await ownersOf(['one'])).toEqual([undefined, undefined])
})

test('a stream that nobody reads ends after the stall deadline, its place is free and its connection is closed', async () => {
  const clock = createVirtualClock()
  const client = createApiClient({ maxGenerations: 1 }, { clock })
  let destroyed = 0
  const response = await client.app.request(
    '/v1/chat/completions',
    { method: 'POST', headers: { host: 'localhost', 'content-type': 'application/json' }, body: chat() },
    { outgoing: { destroy: () => (destroyed += 1) } },
  )
  const reader = response.body!.getReader()
  await reader.read()
  clock.advance(apiLimits.stallMs - 1)
  expect((await client.chat()).status).toBe(429)
  clock.advance(1)
  await client.engine.firstEnd()
  expect([destroyed, (await client.chat()).status]).toEqual([1, 200])
  await expect(reader.read()).rejects.toThrow(/the reader took nothing for 30 s/)
})

test('a stream whose reader reads in time goes on, however slow the model is', async () => {
  const clock = createVirtualClock()
  const client = createApiClient({}, { clock })
  const response = await client.chat({ stream: true, max_tokens: 3 })
  const reader = response.body!.getReader()
  let events = 0
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    events += 1
    clock.advance(apiLimits.stallMs - 1)
  }
  // Three tokens, the role with the first, the reason for the end, [DONE].
  expect(events).toBe(5)
  // While the model computes, nothing waits to be read.
  const engine = createFakeEngine()
  const slow = createApiClient({}, { clock, engine })
  const opened = Promise.withResolvers<void>()
  engine.gate = opened.promise
  const answer = slow.chat({ stream: true })
  clock.advance(10 * apiLimits.stallMs)
  opened.resolve()
  expect(await (await answer).text()).toContain('[DONE]')
})

test('a refused prompt gives its place back', async () => {
  const client = createApiClient({ maxGenerations: 1 })
  for (let time = 0; time < 3; time += 1)
    expect((await client.text({ prompt: 'x'.repeat(256) })).status).toBe(400)
  expect((await client.chat()).status).toBe(200)
})

test('a prompt that cannot fit into the context is refused before it is tokenised', async () => {
  const encoded: string[] = []
  const { tokenizer } = createFakeEngine()
  const engine = createFakeEngine({
    tokenizer: {
      ...tokenizer!,
      encode: async (text) => {
        encoded.push(text)
        return []
      },
    },
  })
  const client = createApiClient({}, { engine })
  const content = 'x'.repeat(256 * apiLimits.promptCharactersPerToken + 1)
  for (const response of [
    await client.chat({ messages: [{ role: 'user', content }] }),
    await client.text({ prompt: content }),
    await client.text({ prompt: ['a', content] }),
  ]) {
    expect([response.status, await response.json()]).toMatchObject([
      400,
      {
        error: {
          code: 'context_length_exceeded',
          message: expect.stringMatching(/256 tokens.* 4096 characters.* 4097/) as string,
        },
      },
    ])
  }
  expect(encoded).toEqual(['a'])
})
