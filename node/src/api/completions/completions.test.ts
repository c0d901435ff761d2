import { beforeEach, expect, test } from 'vitest'
import { createApiClient, type ApiClient } from '../testing/api-client.ts'

let client: ApiClient
beforeEach(() => {
  client = createApiClient()
})

interface Chunk {
  object: string
  choices: {
    index: number
    delta?: { role?: string; content?: string }
    text?: string
    finish_reason: string | null
    logprobs: unknown
  }[]
  usage?: { total_tokens: number } | null
}

async function chunksOf(response: Response): Promise<Chunk[]> {
  const messages = (await response.text()).split('\n\n').filter((message) => message !== '')
  expect(messages.every((message) => message.startsWith('data: '))).toBe(true)
  expect(messages.at(-1)).toBe('data: [DONE]')
  return messages.slice(0, -1).map((message) => JSON.parse(message.slice(6)) as Chunk)
}

test('a chat completion has the shape of OpenAI', async () => {
  const response = await client.chat()
  const body: unknown = await response.json()
  const prompt = '<user>abc<assistant>'
  expect(response.status).toBe(200)
  expect(body).toEqual({
    id: expect.stringMatching(/^chatcmpl-[0-9a-f]{24}$/) as string,
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'letters',
    system_fingerprint: `fp_${client.engine.manifest.id.slice(0, 12)}`,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: expect.stringMatching(/^.{5}$/) as string, refusal: null },
        logprobs: null,
        finish_reason: 'length',
      },
    ],
    usage: { prompt_tokens: prompt.length, completion_tokens: 5, total_tokens: prompt.length + 5 },
  })
})

test('a stream says the same as a whole answer, chunk by chunk', async () => {
  const whole = (await (await client.chat()).json()) as { choices: { message: { content: string } }[] }
  const response = await client.chat({ stream: true, stream_options: { include_usage: true } })
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
  const chunks = await chunksOf(response)
  const inner = chunks.slice(0, -1)
  expect(inner.map(({ choices }) => choices[0]?.delta?.content ?? '').join('')).toBe(
    whole.choices[0]?.message.content,
  )
  expect(inner[0]?.choices[0]?.delta).toMatchObject({ role: 'assistant', content: '' })
  expect(inner.map(({ choices }) => choices[0]?.finish_reason)).toEqual([
    ...inner.slice(1).map(() => null),
    'length',
  ])
  expect(inner.every(({ usage }) => usage === null)).toBe(true)
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 5 } })
  expect(new Set(chunks.map(({ object }) => object))).toEqual(new Set(['chat.completion.chunk']))
})

test('a stream without include_usage says nothing of usage', async () => {
  const chunks = await chunksOf(await client.chat({ stream: true }))
  expect(chunks.some((chunk) => 'usage' in chunk)).toBe(false)
})

test('text completions: whole, streamed, with log-probabilities and offsets', async () => {
  const whole = (await (await client.text({ logprobs: 2 })).json()) as {
    choices: { text: string; logprobs: { tokens: string[]; text_offset: number[]; top_logprobs: object[] } }[]
  }
  const [choice] = whole.choices
  expect(choice?.logprobs.tokens.join('')).toBe(choice?.text)
  expect(choice?.logprobs.text_offset).toEqual([0, 1, 2, 3, 4])
  expect(choice?.logprobs.top_logprobs[0]).toEqual({ a: -1, b: -2 })
  const chunks = await chunksOf(await client.text({ stream: true, logprobs: 0 }))
  expect(chunks.map(({ choices }) => choices[0]?.text).join('')).toBe(choice?.text)
  expect(chunks[1]?.choices[0]?.logprobs).toMatchObject({ text_offset: [1] })
})

test('chat log-probabilities carry bytes and alternatives', async () => {
  const body = (await (await client.chat({ logprobs: true, top_logprobs: 2, max_tokens: 1 })).json()) as {
    choices: { logprobs: { content: object[] } }[]
  }
  expect(body.choices[0]?.logprobs.content).toEqual([
    {
      token: expect.any(String) as string,
      logprob: -0.5,
      bytes: expect.any(Array) as number[],
      top_logprobs: [
        { token: 'a', logprob: -1, bytes: [97] },
        { token: 'b', logprob: -2, bytes: [98] },
      ],
    },
  ])
})

test('several prompts and choices: in order, seeded apart, each prompt counted once', async () => {
  const body = (await (await client.text({ prompt: ['abcdefgh', 'stuvwxyz'], n: 2 })).json()) as {
    choices: { index: number; text: string }[]
    usage: object
  }
  expect(body.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3])
  expect(body.choices.map((choice) => /^[a-h]+$/.test(choice.text))).toEqual([true, true, false, false])
  expect(client.engine.requests.map(({ sampling }) => sampling.seed)).toEqual([7, 8, 7, 8])
  expect(body.usage).toEqual({ prompt_tokens: 16, completion_tokens: 20, total_tokens: 36 })
})

test.each([
  [{}, { temperature: 0.7, topK: 40, topP: 0.9, repetitionPenalty: 1 }],
  [
    { temperature: 0, top_p: 0.5, top_k: 3 },
    { temperature: 0, topK: 3, topP: 0.5, repetitionPenalty: 1 },
  ],
  [
    { temperature: null, seed: -1 },
    { temperature: 0.7, seed: 4_294_967_295 },
  ],
])('sampling of %j', async (fields, expected) => {
  await client.chat(fields)
  expect(client.engine.requests[0]?.sampling).toMatchObject(expected)
})

test('prompts may be token ids; stop, developer and content parts are understood', async () => {
  await client.text({ prompt: [97, 98], stop: 'b' })
  expect(client.engine.requests[0]).toMatchObject({ promptIds: [97, 98], stop: ['b'] })
  await client.chat({
    messages: [
      {
        role: 'developer',
        content: [
          { type: 'text', text: 'x' },
          { type: 'text', text: 'y' },
        ],
      },
    ],
    max_completion_tokens: 3,
  })
  expect(String.fromCharCode(...(client.engine.requests[1]?.promptIds ?? []))).toBe('<system>xy<assistant>')
  expect(client.engine.requests[1]?.maxTokens).toBe(3)
})

test('tokens asked for are cut to the room that the context has', async () => {
  await client.chat({ max_tokens: 100_000 })
  expect(client.engine.requests[0]?.maxTokens).toBe(256 - '<user>abc<assistant>'.length)
})

test('a reader that leaves in the middle of a stream ends the generation', async () => {
  const response = await client.chat({ stream: true, max_tokens: 200 })
  const reader = response.body?.getReader()
  await reader?.read()
  await reader?.cancel()
  expect(client.engine.ended()).toBe(1)
})

test("chat_template_kwargs reach the model's chat template, and other shapes are refused", async () => {
  await client.chat({ chat_template_kwargs: { enable_thinking: false } })
  const { promptIds } = client.engine.requests[0]!
  expect(String.fromCharCode(...promptIds)).toBe('{"enable_thinking":false}<user>abc<assistant>')
  expect((await client.chat({ chat_template_kwargs: [] })).status).toBe(400)
})
