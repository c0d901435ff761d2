import { seededRandom } from '@shoal/host'
import {
  identifyManifest,
  parseProfile,
  type SamplingOptions,
  type Tokenizer,
  manifestVersion,
} from '@shoal/model'
import type { Engine, GenerateRequest, GenerateResult } from '@shoal/swarm'
import { beforeEach, describe, expect, test } from 'vitest'
import { connect } from './connect.ts'
import { createSwarmClient, type SwarmClient, type TextPart } from './swarm-client.ts'

const defaults: SamplingOptions = { temperature: 0.6, topK: 40, topP: 0.9, repetitionPenalty: 1.1, seed: 0 }
const letters: Tokenizer = {
  vocabularySize: 128,
  encode: async (text, { addSpecialTokens = true } = {}) => [
    ...(addSpecialTokens ? [1] : []),
    ...Array.from(text, (letter) => letter.charCodeAt(0)),
  ],
  tokenBytes: (id) => new TextEncoder().encode(String.fromCharCode(id)),
  decode: (ids) => String.fromCharCode(...ids),
  stream: () => ({ push: (id) => String.fromCharCode(id), flush: () => '' }),
  chat: true,
  renderChat: async (messages) => messages.map(({ role, content }) => `<${role}>${content}`).join(''),
  plainText: async (text) => text,
}
const { manifest, ...identity } = identifyManifest({
  version: manifestVersion,
  name: 'letters',
  config: {
    family: 'llama',
    hiddenSize: 8,
    feedForwardSize: 8,
    blockCount: 2,
    headCount: 1,
    keyValueHeadCount: 1,
    headSize: 8,
    vocabularySize: 128,
    contextLength: 64,
    normEpsilon: 1e-5,
    rope: { theta: 1e4, scaling: null },
    slidingWindow: null,
    attentionBias: false,
    queryKeyNorm: false,
    tiedEmbeddings: true,
    bosTokenId: 1,
    eosTokenIds: [0],
  },
  profile: parseProfile('f32'),
  assets: [],
  tensors: [],
})
const result: GenerateResult = {
  text: 'ab',
  tokenIds: [97, 98],
  finishReason: 'length',
  promptTokens: 3,
  reusedTokens: 0,
  completionTokens: 2,
  ttftMs: 1,
  tokensPerSecond: 2,
  route: [],
  failovers: 0,
  moves: 0,
  continuity: 'identical',
  predictedTpotMs: null,
  stopText: null,
  drafted: 0,
  accepted: 0,
}

let requests: GenerateRequest[]
let ended: number
let closed: number

/** A client whose engine always answers `ab`. */
function make(tokenizer: Tokenizer | null = letters, silent = false): SwarmClient {
  const engine: Engine = {
    manifest: { ...identity, manifest },
    tokenizer,
    defaultSampling: defaults,
    async *generate(request) {
      requests.push(request)
      try {
        if (silent) return
        yield { type: 'token', tokenId: 97, text: 'a' }
        yield { type: 'token', tokenId: 98, text: '' }
        yield { type: 'done', text: 'b', result }
      } finally {
        ended += 1
      }
    },
    answers: () => [],
    forward: async (tokenIds, { layers } = {}) => ({
      hiddenStates: new Float32Array(tokenIds.length * 8),
      logits: layers === undefined ? new Float32Array(tokenIds.length * 128) : null,
    }),
    close: async () => undefined,
  }
  return createSwarmClient({
    engine,
    random: seededRandom(5),
    defaults,
    status: () => {
      throw new Error('no swarm here')
    },
    close: async () => void (closed += 1),
  })
}

beforeEach(() => {
  requests = []
  ended = 0
  closed = 0
})

describe('the SDK', () => {
  test('chat uses the template, which adds its own special tokens', async () => {
    let text = ''
    for await (const part of make().chat([{ role: 'user', content: 'hi' }])) text += part.text
    expect(text).toBe('ab')
    expect(requests[0]?.promptIds).toEqual(await letters.encode('<user>hi', { addSpecialTokens: false }))
  })

  test('stream yields text with its tokens, and the result with the last part only', async () => {
    const parts: TextPart[] = []
    for await (const part of make().stream('x')) parts.push(part)
    expect(parts).toEqual([
      { text: 'a', tokenId: 97 },
      { text: '', tokenId: 98 },
      { text: 'b', tokenId: null, result },
    ])
    expect(requests[0]?.promptIds).toEqual([1, 120])
  })

  test('generate returns the whole answer with its usage, from text or ids', async () => {
    expect(await make().generate([5, 6])).toEqual({
      ...result,
      usage: { promptTokens: 3, completionTokens: 2 },
    })
    expect(requests[0]?.promptIds).toEqual([5, 6])
    expect(ended).toBe(1)
  })

  test("options left out take the model's defaults, and the seed is random", async () => {
    const client = make()
    await client.generate('x')
    await client.generate('x')
    const [first, second] = requests
    expect(first).toMatchObject({
      maxTokens: 256,
      sampling: { ...defaults, seed: expect.any(Number) as unknown },
    })
    expect(first).not.toHaveProperty('stop')
    expect(first?.sampling.seed).not.toBe(second?.sampling.seed)
    for (const { sampling } of requests) expect(sampling.seed).toBeLessThan(2 ** 32)
  })

  test('options that are given are passed on', async () => {
    const { signal } = new AbortController()
    await make().generate('x', {
      maxTokens: 3,
      temperature: 0,
      topP: 0.5,
      topK: 2,
      repetitionPenalty: 1,
      seed: 9,
      stop: ['.'],
      ignoreEos: true,
      signal,
    })
    expect(requests[0]).toEqual({
      promptIds: [1, 120],
      maxTokens: 3,
      sampling: { temperature: 0, topP: 0.5, topK: 2, repetitionPenalty: 1, seed: 9 },
      stop: ['.'],
      ignoreEos: true,
      signal,
    })
  })

  test('ending the loop cancels the generation', async () => {
    for await (const part of make().stream('x')) {
      expect(part.text).toBe('a')
      break
    }
    expect(ended).toBe(1)
  })

  test('forward returns the shapes', async () => {
    const whole = await make().forward([1, 2])
    expect(whole).toMatchObject({ hiddenSize: 8, vocabularySize: 128 })
    expect(whole.logits).toHaveLength(256)
    expect((await make().forward([1], { layers: [0, 1] })).logits).toBeNull()
  })

  test('a model without a tokenizer takes ids, and refuses text with that advice', async () => {
    expect((await make(null).generate([7])).text).toBe('ab')
    await expect(make(null).generate('x')).rejects.toMatchObject({ code: 'bad-request' })
    expect(() => make(null).chat([])).toThrow('give token ids')
  })

  test('an engine that ends without a result is an internal error', async () => {
    await expect(make(letters, true).generate('x')).rejects.toMatchObject({ code: 'internal' })
  })

  test('close closes the peer', async () => {
    await make().close()
    expect(closed).toBe(1)
  })
})

describe('connecting', () => {
  test.each([
    ['nowhere', {}, /join/],
    ['to no addresses', { join: [] }, /join/],
    ['locally without a model', { local: true }, /computes in this process and needs a model/],
    ['locally and to others', { local: true, model: 'demo', join: ['/ip4/127.0.0.1/tcp/1'] }, /one of them/],
  ])('%s is a bad request', async (_name, options, sentence) => {
    await expect(connect(options)).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringMatching(sentence) as unknown,
    })
  })
})
