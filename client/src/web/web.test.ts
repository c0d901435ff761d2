import { describe, expect, test } from 'vitest'
import { ApiFailure, connect, type RequestEvent, type WebClient, type WebOptions } from './index.ts'
import { changesBetween, type WebStatus } from './watch.ts'

type Answer = () => Response | Promise<Response>

const models: Answer = () => Response.json({ data: [{ id: 'demo' }] })
const refusal =
  (status: number, code: string, headers = {}): Answer =>
  () =>
    Response.json({ error: { message: `no: ${code}`, code } }, { status, headers })

/** Server-sent events, cut into pieces of seven bytes as a network may cut them. */
const events =
  (...data: string[]): Answer =>
  () => {
    const bytes = new TextEncoder().encode(data.map((each) => `${each}\n\n`).join(''))
    const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, at) =>
      bytes.slice(at * 7, at * 7 + 7),
    )
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
      const next = pieces.shift()
      if (next === undefined) controller.close()
      else controller.enqueue(next)
    }
    return new Response(new ReadableStream({ pull }))
  }
const piece = (content: string, finish: string | null = null): string =>
  `data: ${JSON.stringify({ choices: [{ delta: { content }, finish_reason: finish }] })}`
const usage = `data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } })}`

/** A client whose node gives these answers in turn. */
async function clientOf(
  answers: readonly Answer[],
  options: Partial<WebOptions> = {},
): Promise<{ client: WebClient; asked: [string, unknown][]; waited: number[]; seen: RequestEvent[] }> {
  const left = [models, ...answers]
  const asked: [string, unknown][] = []
  const waited: number[] = []
  const seen: RequestEvent[] = []
  const client = await connect({
    api: 'http://node.test:8090/',
    fetch: async (url, init) => {
      init?.signal?.throwIfAborted()
      const body = init?.body as string | undefined
      asked.push([url as string, body === undefined ? null : JSON.parse(body)])
      return left.shift()!()
    },
    wait: async (ms) => void waited.push(ms),
    onEvent: (event) => void seen.push(event),
    ...options,
  })
  return { client, asked, waited, seen }
}

const hi = [{ role: 'user' as const, content: 'hi' }]

describe('the client of a node over HTTP', () => {
  test('a chat streams text, and its last part has the whole answer', async () => {
    const answer = events(': waiting', piece('grün'), piece('e', 'stop'), usage, 'data: [DONE]')
    const { client, asked } = await clientOf([answer])
    const parts = []
    for await (const part of client.chat(hi, { temperature: 0, maxTokens: 9 })) parts.push(part)
    expect(parts).toEqual([
      { text: 'grün' },
      { text: 'e' },
      {
        text: '',
        result: { text: 'grüne', finishReason: 'stop', usage: { promptTokens: 3, completionTokens: 2 } },
      },
    ])
    expect(asked[1]).toEqual([
      'http://node.test:8090/v1/chat/completions',
      {
        model: 'demo',
        messages: hi,
        stream: true,
        stream_options: { include_usage: true },
        max_tokens: 9,
        temperature: 0,
      },
    ])
  })

  test('a full node and one without a route are asked again, after the time that they name', async () => {
    const { client, waited, seen } = await clientOf([
      refusal(429, 'too_many_generations', { 'retry-after': '6' }),
      refusal(503, 'no-route'),
      events(piece('ok', 'stop'), 'data: [DONE]'),
    ])
    expect((await client.generate('x')).text).toBe('ok')
    expect(waited).toEqual([6000, 1000])
    expect(seen.slice(2).map(({ type }) => type)).toEqual([
      'sent',
      'retry',
      'sent',
      'retry',
      'sent',
      'answered',
    ])
  })

  test.each([
    ['a wrong request', [refusal(400, 'invalid_value')], 400, 'invalid_value'],
    ['a wait of an hour', [refusal(429, 'full', { 'retry-after': '3600' })], 429, 'full'],
    ['the last of four refusals', Array<Answer>(4).fill(refusal(503, 'no-route')), 503, 'no-route'],
    [
      'a node that vanished',
      Array<Answer>(4).fill(() => Promise.reject(new TypeError('x'))),
      null,
      'unreachable',
    ],
    [
      'an error under way',
      [events(piece('a'), 'data: {"error":{"message":"m","code":"no-route"}}')],
      null,
      'no-route',
    ],
    ['an answer that is cut off', [events(piece('a'))], null, 'cut-off'],
  ])('%s is told with its code', async (_name, answers, status, code) => {
    const { client } = await clientOf(answers)
    await expect(client.generate('x')).rejects.toMatchObject({ name: 'ApiFailure', status, code })
  })

  test('hidden states and logits are read as little-endian float32', async () => {
    const { client, asked } = await clientOf([
      () =>
        Response.json({
          hidden_states: Buffer.from(Float32Array.of(1.5, -2).buffer).toString('base64'),
          logits: null,
          hidden_size: 2,
          vocabulary_size: 9,
        }),
    ])
    expect(await client.forward([7], { layers: [0, 1] })).toEqual({
      hiddenStates: Float32Array.of(1.5, -2),
      logits: null,
      hiddenSize: 2,
      vocabularySize: 9,
    })
    expect(asked[1]).toEqual([
      'http://node.test:8090/v1/forward',
      { model: 'demo', token_ids: [7], layers: [0, 1] },
    ])
  })

  test('a node that serves another model is refused by name', async () => {
    await expect(clientOf([], { model: 'other' })).rejects.toThrow('the node serves demo, not other')
  })

  test('ending the loop cancels the answer, and closing ends all', async () => {
    let cancelled = false
    const endless: Answer = () =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(new TextEncoder().encode(`${piece('a')}\n\n`)),
          cancel: () => {
            cancelled = true
          },
        }),
      )
    const { client } = await clientOf([endless])
    for await (const part of client.chat(hi)) {
      expect(part.text).toBe('a')
      break
    }
    expect(cancelled).toBe(true)
    await client.close()
    await expect(client.status()).rejects.toBeInstanceOf(ApiFailure)
  })
})

test('a watch tells of peers that join, die and leave, and of blocks without a holder', async () => {
  const a = { peer: 'A', liveness: 'alive', state: 'serving' }
  const b = { peer: 'B', liveness: 'alive', state: 'serving' }
  const first: WebStatus = { covered: true, peers: [a, b] }
  const second: WebStatus = { covered: false, peers: [a, { ...b, liveness: 'dead' }] }
  expect(changesBetween(null, first).map(({ type }) => type)).toEqual([
    'peer-joined',
    'peer-joined',
    'coverage',
  ])
  expect(changesBetween(first, second)).toEqual([
    { type: 'peer-changed', peer: { ...b, liveness: 'dead' }, before: b },
    { type: 'coverage', covered: false },
  ])
  expect(changesBetween(first, { covered: true, peers: [a] })).toEqual([{ type: 'peer-left', peer: b }])
  const { client } = await clientOf([() => Response.json({ ...first }), () => Response.json({ ...second })])
  const seen = []
  for await (const change of client.watch()) if (seen.push(change.type) === 5) break
  expect(seen).toEqual(['peer-joined', 'peer-joined', 'coverage', 'peer-changed', 'coverage'])
})
