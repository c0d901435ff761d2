import { createVirtualClock, ShoalError, createMemoryBudget } from '@shoal/host'
import type { SamplingOptions, Tokenizer } from '@shoal/model'
import { createLocalSession, type HiddenSession } from '@shoal/session'
import { beforeEach, describe, expect, test } from 'vitest'
import { createEngine } from './engine.ts'
import { createFakeDevice, smallConfig, smallManifest } from '../testing/small-model.ts'
import type { Engine, GenerateEvent, GenerateRequest, GenerateResult } from '../types.ts'

const { hiddenSize, vocabularySize, blockCount, contextLength } = smallConfig
const greedy: SamplingOptions = { temperature: 0, topK: 0, topP: 1, repetitionPenalty: 1, seed: 0 }

/** Token 0 ends; the others are letters. */
const letters: Tokenizer = {
  vocabularySize,
  encode: async (text) => Array.from(text, (letter) => letter.charCodeAt(0) - 96),
  tokenBytes: (id) => (id === 0 ? null : new TextEncoder().encode(String.fromCharCode(96 + id))),
  decode: (ids) => ids.map((id) => String.fromCharCode(96 + id)).join(''),
  stream: () => ({ push: (id) => String.fromCharCode(96 + id), flush: () => '' }),
  chat: false,
  renderChat: async () => '',
  plainText: async (text) => text,
}

let opened: { tokenBudget: number; session: HiddenSession; closed: number }[]
let refusal: Error | null

/** A row of a token is the token; six blocks add six, and the head draws the token after it: a b c d … p, and then the end. */
function makeEngine(tokenizer: Tokenizer | null = letters): Engine {
  const device = createFakeDevice()
  const open = async (end: number, tokenBudget: number): Promise<HiddenSession> => {
    if (refusal !== null) throw refusal
    const runner = await device.loadBlocks({ start: 0, end }, { memory: createMemoryBudget(2 ** 30) })
    device.loaded.clear()
    const session = await createLocalSession([runner], { session: `s${opened.length}`, tokenBudget })
    const entry = { tokenBudget, session, closed: 0 }
    opened.push(entry)
    return {
      ...session,
      get length() {
        return session.length
      },
      async close() {
        entry.closed += 1
        await session.close()
      },
    }
  }
  return createEngine({
    clock: createVirtualClock(),
    manifest: smallManifest(),
    tokenizer,
    defaultSampling: greedy,
    embedding: {
      lookup: async (ids) => Float32Array.from(ids.flatMap((id) => new Array<number>(hiddenSize).fill(id))),
      release: async () => undefined,
    },
    head: {
      async logits(hidden) {
        const rows = hidden.length / hiddenSize
        const logits = new Float32Array(rows * vocabularySize)
        for (let row = 0; row < rows; row += 1)
          logits[row * vocabularySize + ((hidden[row * hiddenSize]! - blockCount + 1) % vocabularySize)] = 5
        return logits
      },
      release: async () => undefined,
    },
    openSession: (tokenBudget) => open(blockCount, tokenBudget),
    openPartialSession: (end, tokenBudget) => open(end, tokenBudget),
    close: async () => undefined,
  })
}

async function all(
  engine: Engine,
  request: Partial<GenerateRequest>,
): Promise<{ events: GenerateEvent[]; text: string; result: GenerateResult }> {
  const events: GenerateEvent[] = []
  for await (const event of engine.generate({ promptIds: [1], maxTokens: 4, sampling: greedy, ...request }))
    events.push(event)
  const last = events.at(-1)
  if (last?.type !== 'done') throw new Error('the last event is not done')
  return { events, text: events.map(({ text }) => text).join(''), result: last.result }
}

beforeEach(() => {
  opened = []
  refusal = null
})

describe('a generation', () => {
  test('ends with length: as many tokens as were asked for, and the budget that they need', async () => {
    const { events, text, result } = await all(makeEngine(), {})
    expect(events.map(({ type }) => type)).toEqual(['token', 'token', 'token', 'token', 'done'])
    expect(text).toBe('bcde')
    expect(result).toMatchObject({
      text: 'bcde',
      tokenIds: [2, 3, 4, 5],
      finishReason: 'length',
      promptTokens: 1,
      completionTokens: 4,
      failovers: 0,
      continuity: 'identical',
    })
    expect(result.route).toEqual([{ peer: 'local', start: 0, end: blockCount, ranks: 1 }])
    expect(opened.map(({ tokenBudget, closed }) => [tokenBudget, closed])).toEqual([[5, 1]])
  })

  test('ends at an end token, which is an id of the answer and no text', async () => {
    const { text, result, events } = await all(makeEngine(), { promptIds: [13] })
    expect(text).toBe('no')
    expect(result).toMatchObject({ tokenIds: [14, 15, 0], finishReason: 'stop', completionTokens: 3 })
    expect(events.filter(({ type }) => type === 'token')).toHaveLength(2)
  })

  test('keeps to the texts of a choice, and ends with stop only where one is complete', async () => {
    const grammar = { kind: 'choice', texts: ['face', 'bad'] } as const
    const hot: SamplingOptions = { ...greedy, temperature: 100 }
    const texts = new Set<string>()
    for (let seed = 0; seed < 20; seed += 1) {
      const { text, result } = await all(makeEngine(), {
        grammar,
        maxTokens: 9,
        sampling: { ...hot, seed },
      })
      texts.add(text)
      expect(result).toMatchObject({ finishReason: 'stop', completionTokens: text.length + 1 })
      expect(result.tokenIds.at(-1)).toBe(0)
    }
    expect([...texts].toSorted()).toEqual(['bad', 'face'])
    const cut = await all(makeEngine(), { grammar, maxTokens: 3 })
    expect(cut.result).toMatchObject({ text: 'bad', finishReason: 'length' })
  })

  test.each<[string, Partial<GenerateRequest>, RegExp, Tokenizer | null]>([
    ['that needs a thread, without one', { grammar: { kind: 'json' } }, /no thread for grammars/, letters],
    [
      'that goes on after the end',
      { grammar: { kind: 'choice', texts: ['a'] }, ignoreEos: true },
      /cannot go on after its end/,
      letters,
    ],
    ['without a tokenizer', { grammar: { kind: 'choice', texts: ['a'] } }, /no tokenizer/, null],
    ['without tokens for it', { grammar: { kind: 'choice', texts: ['a', '!'] } }, /no tokens for/, letters],
  ])('refuses a grammar %s before a session opens', async (_name, request, message, tokenizer) => {
    await expect(all(makeEngine(tokenizer), request)).rejects.toThrow(
      expect.objectContaining({ code: 'bad-request', message: expect.stringMatching(message) }),
    )
    expect(opened).toEqual([])
  })

  test('goes on behind an end token when told', async () => {
    const { result } = await all(makeEngine(), { promptIds: [14], ignoreEos: true })
    expect(result).toMatchObject({ tokenIds: [15, 0, 1, 2], finishReason: 'length' })
  })

  test.each([
    ['inside the answer', ['cd'], 'b', [2, 3, 4]],
    ['at its beginning', ['b'], '', [2]],
    ['the first of several', ['e', 'c'], 'b', [2, 3]],
  ])('ends before a stop text %s', async (_name, stop, text, tokenIds) => {
    const answer = await all(makeEngine(), { stop })
    expect(answer.text).toBe(text)
    expect(answer.result).toMatchObject({ text, tokenIds, finishReason: 'stop' })
    expect(opened[0]!.closed).toBe(1)
  })

  test('text held back for a stop text that does not come is given at the end', async () => {
    const { events, text, result } = await all(makeEngine(), { stop: ['dex'] })
    expect(events.map((event) => event.text)).toEqual(['b', 'c', '', '', 'de'])
    expect(text).toBe('bcde')
    expect(result).toMatchObject({ text: 'bcde', finishReason: 'length' })
  })

  test('without a tokenizer there are ids and no text', async () => {
    const { text, result } = await all(makeEngine(null), {})
    expect(text).toBe('')
    expect(result.tokenIds).toEqual([2, 3, 4, 5])
  })

  test('log-probabilities: of the chosen token, and of as many others as were asked for', async () => {
    const none = await all(makeEngine(), {})
    expect(none.events[0]).not.toHaveProperty('logprob')
    const { events } = await all(makeEngine(), { topLogprobs: 2 })
    // One logit of 5 among fifteen of 0.
    const expected = 5 - Math.log(Math.exp(5) + vocabularySize - 1)
    const [first] = events
    if (first?.type !== 'token') throw new Error('no token')
    expect(first.logprob).toMatchObject({ tokenId: 2, text: 'b' })
    expect(first.logprob?.logprob).toBeCloseTo(expected, 5)
    expect(first.logprob?.top.map(({ tokenId }) => tokenId)).toEqual([2, 0])
  })

  test('the context that runs out is a length, not an error', async () => {
    const promptIds = new Array<number>(contextLength - 2).fill(1)
    const { result } = await all(makeEngine(), { promptIds, maxTokens: 100 })
    expect(result).toMatchObject({ completionTokens: 2, finishReason: 'length' })
    expect(opened[0]!.tokenBudget).toBe(contextLength)
  })
})

describe('a generation that does not come to its end', () => {
  test('ending the iteration closes the session', async () => {
    for await (const event of makeEngine().generate({ promptIds: [1], maxTokens: 8, sampling: greedy })) {
      expect(event).toMatchObject({ type: 'token', tokenId: 2 })
      break
    }
    expect(opened[0]!.closed).toBe(1)
  })

  test('the signal ends it with `cancelled`, and the session with it', async () => {
    const caller = new AbortController()
    const generating = (async () => {
      for await (const event of makeEngine().generate({
        promptIds: [1],
        maxTokens: 8,
        sampling: greedy,
        signal: caller.signal,
      }))
        if (event.type === 'token' && event.tokenId === 3) caller.abort()
    })()
    await expect(generating).rejects.toMatchObject({ code: 'cancelled' })
    expect(opened[0]!.closed).toBe(1)
  })

  test('an answer is shown with its tokens and its route while it is given', async () => {
    const engine = makeEngine()
    const shown = []
    for await (const event of engine.generate({ promptIds: [1, 2], maxTokens: 3, sampling: greedy }))
      if (event.type === 'token')
        shown.push(...engine.answers().map(({ id, promptTokens, tokens }) => [id, promptTokens, tokens]))
    expect(shown).toEqual([
      [1, 2, 1],
      [1, 2, 2],
      [1, 2, 3],
    ])
    expect(engine.answers()).toEqual([])
  })

  test('a refusal to open is passed on', async () => {
    refusal = new ShoalError('no-capacity', 'full')
    await expect(all(makeEngine(), {})).rejects.toBe(refusal)
  })

  test.each([
    ['an empty prompt', { promptIds: [] }, /empty/],
    ['an id outside the vocabulary', { promptIds: [vocabularySize] }, /outside the vocabulary of 16/],
    ['an id that is no number', { promptIds: [Number.NaN] }, /outside the vocabulary/],
    ['a prompt that fills the context', { promptIds: new Array<number>(contextLength).fill(1) }, /32/],
    ['no tokens asked for', { maxTokens: 0 }, /max tokens/],
    ['half a token asked for', { maxTokens: 1.5 }, /max tokens/],
  ])('%s is a bad request before anything is opened', async (_name, change, sentence) => {
    await expect(all(makeEngine(), change)).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringMatching(sentence) as unknown,
    })
    expect(opened).toEqual([])
  })
})

describe('forward', () => {
  test('hidden states and logits of every row', async () => {
    const { hiddenStates, logits } = await makeEngine().forward([1, 2, 3])
    expect([...hiddenStates]).toEqual([7, 7, 7, 7, 8, 8, 8, 8, 9, 9, 9, 9])
    expect(logits).toHaveLength(3 * vocabularySize)
    expect(opened.map(({ tokenBudget, closed }) => [tokenBudget, closed])).toEqual([[3, 1]])
  })

  test('of the first blocks only', async () => {
    const { hiddenStates, logits } = await makeEngine().forward([1], { layers: [0, 2] })
    expect([...hiddenStates]).toEqual([3, 3, 3, 3])
    expect(logits).toBeNull()
    expect(opened[0]!.closed).toBe(1)
  })

  test('a prompt that fills the whole context fits: nothing is generated', async () => {
    const { logits } = await makeEngine().forward(new Array<number>(contextLength).fill(1))
    expect(logits).toHaveLength(contextLength * vocabularySize)
  })

  test.each([[[1, 6]], [[0, 0]], [[0, 7]]] as const)('layers %j are refused', async (layers) => {
    await expect(makeEngine().forward([1], { layers: [layers[0], layers[1]] })).rejects.toMatchObject({
      code: 'bad-request',
    })
    expect(opened).toEqual([])
  })

  test('an aborted call closes its session', async () => {
    await expect(makeEngine().forward([1], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'cancelled',
    })
    expect(opened.every(({ closed }) => closed === 1)).toBe(true)
  })
})
