import OpenAI, { APIError } from 'openai'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { testAnthropic } from './clients/anthropic.ts'
import { testCurl } from './clients/curl.ts'
import { demoAnswer, demoQuestion } from './clients/demo.ts'
import { testFrameworks } from './clients/frameworks.ts'
import { testOllama } from './clients/ollama.ts'
import { testResponses } from './clients/responses.ts'
import { expectTripText, tripSchema, tripTemperature } from './clients/trip.ts'
import { createWorld, type Up } from './harness.ts'

/** Stock clients against the API of a real node, which holds a third of the blocks; two other processes hold the rest. */
const world = createWorld()
const pageOrigin = 'https://chat.example'
let node: Up
let client: OpenAI

beforeAll(async () => {
  const options = ['--draft', 'demo-draft', '--api-origins', pageOrigin, '--api', '127.0.0.1:0']
  node = await world.up(['--model', 'demo', '--blocks', '0:2', ...options, '--data', world.folder('node')])
  const others = ['2:4', '4:6'].map((blocks) =>
    world.up(['--join', node.address, '--blocks', blocks, '--data', world.folder(blocks.replace(':', '-'))]),
  )
  await Promise.all(others)
  client = new OpenAI({ baseURL: `${node.ready.api}/v1`, apiKey: 'none', maxRetries: 0 })
  // The API answers 503 model_loading until embedding and head are there; the client's own retries wait for it.
  await client.models.list({ maxRetries: 20 })
})
afterAll(() => world.close())

const api = (): string => node.ready.api ?? ''

test('the draft model of a node proposes the tokens of its API, and pages that it lists may ask', async () => {
  const asked = { model: 'demo', messages: [{ role: 'user', content: demoQuestion }], temperature: 0 }
  const response = await fetch(`${api()}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: pageOrigin },
    body: JSON.stringify(asked),
  })
  expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([200, pageOrigin])
  expect(await response.text()).toContain(demoAnswer)
  // This text repeats nothing: without a draft model no token of it is drafted.
  const metrics = await (await fetch(`${api()}/metrics`)).text()
  expect(Number(/^shoal_accepted_tokens_total (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(0)
})
testAnthropic(api)
testCurl(api)
testOllama(api)
testResponses(api)
testFrameworks(api)

const messages = [{ role: 'user' as const, content: demoQuestion }]
const answer = demoAnswer

describe('the openai client', () => {
  it('lists the model', async () => {
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual(['demo'])
    expect((await client.models.retrieve('demo')).object).toBe('model')
  })

  it('chats', async () => {
    const completion = await client.chat.completions.create({ model: 'demo', messages, temperature: 0 })
    expect(completion.choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { role: 'assistant', content: answer },
    })
    expect(completion.usage?.total_tokens).toBe(
      (completion.usage?.prompt_tokens ?? 0) + (completion.usage?.completion_tokens ?? 0),
    )
  })

  it('streams the same text', async () => {
    const stream = await client.chat.completions.create({
      model: 'demo',
      messages,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    })
    let text = ''
    let tokens = 0
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? ''
      tokens = chunk.usage?.completion_tokens ?? tokens
    }
    expect(text).toBe(answer)
    expect(tokens).toBeGreaterThan(10)
  })

  it('streams through its helper, with log-probabilities that rank the chosen token first', async () => {
    const runner = client.chat.completions.stream({
      model: 'demo',
      messages,
      temperature: 0,
      logprobs: true,
      top_logprobs: 3,
    })
    const final = await runner.finalChatCompletion()
    const tokens = final.choices[0]?.logprobs?.content ?? []
    expect(final.choices[0]?.message.content).toBe(answer)
    expect(tokens.map(({ token }) => token).join('')).toBe(answer)
    for (const token of tokens) expect(token.top_logprobs[0]?.token).toBe(token.token)
  })

  it('completes text, with stop and a seed that repeats', async () => {
    const ask = { model: 'demo', prompt: 'Once upon a time', max_tokens: 24, seed: 11, temperature: 1 }
    const first = await client.completions.create(ask)
    expect((await client.completions.create(ask)).choices[0]?.text).toBe(first.choices[0]?.text)
    const word = /\S{4,}/.exec(first.choices[0]?.text ?? '')?.[0] ?? ''
    const stopped = await client.completions.create({ ...ask, stop: word })
    expect(stopped.choices[0]?.finish_reason).toBe('stop')
    expect(stopped.choices[0]?.text).not.toContain(word)
  })

  it('gets typed errors', async () => {
    await expect(client.chat.completions.create({ model: 'gpt-4', messages })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    })
    const refusal: unknown = await client.chat.completions
      .create({ model: 'demo', messages, temperature: 9 })
      .catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(APIError)
    expect(refusal).toMatchObject({ status: 400, param: 'temperature' })
  })

  it('can hang up, which ends the session and not the API', async () => {
    const stream = await client.chat.completions.create({
      model: 'demo',
      messages: [{ role: 'user', content: 'Tell me a story about a fox and a lantern.' }],
      stream: true,
    })
    for await (const chunk of stream) if ((chunk.choices[0]?.delta.content ?? '') !== '') break
    const swarm = async (): Promise<number> => {
      const status = (await (await fetch(`${node.ready.api}/swarm`)).json()) as {
        peers: { sessions: number; self: boolean }[]
      }
      return status.peers.find(({ self }) => self)?.sessions ?? -1
    }
    await expect.poll(swarm).toBe(0)
    expect(
      (await client.chat.completions.create({ model: 'demo', messages, temperature: 0 })).choices[0]?.message
        .content,
    ).toBe(answer)
  })

  it('keeps to a JSON schema, and calls the tool that must be called, whole and as a stream', async () => {
    const hot = { model: 'demo', messages, temperature: tripTemperature, max_tokens: 250 }
    const completion = await client.chat.completions.create({
      ...hot,
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'trip', strict: true, schema: tripSchema },
      },
    })
    expectTripText(completion.choices[0]?.message.content)
    const tools = [{ type: 'function' as const, function: { name: 'book', parameters: tripSchema } }]
    const called = await client.chat.completions.create({
      ...hot,
      tools,
      tool_choice: { type: 'function', function: { name: 'book' } },
    })
    // One call: after it, the demo model might write others until its tokens are used up.
    const one = { tool_choice: 'required' as const, parallel_tool_calls: false }
    const runner = client.chat.completions.stream({ ...hot, tools, ...one })
    for (const { choices } of [called, await runner.finalChatCompletion()]) {
      expect(choices[0]).toMatchObject({
        finish_reason: 'tool_calls',
        message: { tool_calls: [{ type: 'function', function: { name: 'book' } }] },
      })
      for (const call of choices[0]?.message.tool_calls ?? [])
        expectTripText(call.type === 'function' ? call.function.arguments : null)
    }
  })
})
