import { seededRandom, ShoalError, silentLogger, type Clock } from '@shoal/host'
import { createSampler, greedy, largestCandidates, type SamplingOptions } from '@shoal/model'
import { createMemoryNetwork, type Transport } from '@shoal/network'
import { decodeVocabulary, encodeVocabulary, protocols } from '@shoal/protocol'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { VirtualTime } from '../testing/virtual-time.ts'
import { packBest, unpackBest } from './best-logits.ts'
import { vocabularyLimits } from './limits.ts'
import { createRemoteVocabulary, type VocabularyPeer } from './remote-vocabulary.ts'
import { serveVocabulary } from './serve-vocabulary.ts'
import { bestLogitsNeeded, type Vocabulary } from './vocabulary.ts'

const config = { hiddenSize: 4, vocabularySize: 16 }

/** Row `id` of the embedding is `[id, id, id, id]`; a logit is the sum of the hidden values times a factor of the token. */
const exact = (calls: { embed: number; logits: number }): Vocabulary => ({
  embedding: {
    async lookup(tokenIds) {
      calls.embed += 1
      return Float32Array.from(tokenIds.flatMap((id) => Array.from({ length: config.hiddenSize }, () => id)))
    },
    release: () => Promise.resolve(),
  },
  head: {
    async logits(hidden) {
      calls.logits += 1
      const rows = hidden.length / config.hiddenSize
      return Float32Array.from({ length: rows * config.vocabularySize }, (_, at) => {
        const row = Math.floor(at / config.vocabularySize)
        const own = hidden.subarray(row * config.hiddenSize, (row + 1) * config.hiddenSize)
        return own.reduce((sum, value) => sum + value, 0) * Math.sin(at % config.vocabularySize)
      })
    },
    release: () => Promise.resolve(),
  },
})

function world(names: readonly string[], liars: readonly string[] = []) {
  const time = new VirtualTime('vocabulary')
  const { clock } = time
  const network = createMemoryNetwork({ clock, random: seededRandom(1) })
  const asker = network.createTransport('asker')
  const peers = names.map((name) => {
    const transport = network.createTransport(name)
    const calls = { embed: 0, logits: 0 }
    const state: { open: () => Promise<Vocabulary> } = { open: async () => exact(calls) }
    serveVocabulary({
      transport,
      clock,
      logger: silentLogger,
      config,
      open: () => state.open(),
      isAdmitted: () => false,
    })
    asker.learn(name, transport.addresses())
    return { name, transport, calls, state }
  })
  let asked = 0
  for (const name of liars) {
    const transport = network.createTransport(name)
    transport.handle(protocols.vocabulary, (channel) =>
      channel.onFrame((frame) => {
        asked += 1
        const { request } = decodeVocabulary(frame).message
        void channel.send(
          ...encodeVocabulary({ type: 'vocabulary-rows', request, rows: 1 }, new Uint8Array(8)),
        )
      }),
    )
    asker.learn(name, transport.addresses())
  }
  return { time, clock, asker, peers, asked: () => asked }
}

function remote(
  { clock, asker }: { clock: Clock; asker: Transport },
  candidates: () => readonly VocabularyPeer[],
) {
  return createRemoteVocabulary({ transport: asker, clock, logger: silentLogger, config, candidates })
}

const hidden = (...values: number[]): Float32Array =>
  Float32Array.from(values.flatMap((value) => [value, value + 1, value - 1, 0.5]))

describe('embedding and head at a peer', () => {
  test('give the rows and logits that the peer computes', async () => {
    const { peers, ...rest } = world(['a'])
    const source = remote(rest, () => [{ peer: 'a', numericClass: 'x' }])
    const { embedding, head } = source.for(0)
    expect(await embedding.lookup([3, 15, 0])).toEqual(
      await exact({ embed: 0, logits: 0 }).embedding.lookup([3, 15, 0]),
    )
    const rows = hidden(1, -2, 3)
    const into = new Float32Array(new SharedArrayBuffer(3 * config.vocabularySize * 4))
    const expected = await exact({ embed: 0, logits: 0 }).head.logits(rows)
    expect(await head.logits(rows, into)).toEqual(expected)
    expect(await head.logits(rows)).toEqual(expected)
    expect(peers[0]!.calls).toEqual({ embed: 1, logits: 2 })
    await source.release()
  })

  test('when the peer is lost, another one of its class answers, and one of another class does not', async () => {
    const { peers, ...rest } = world(['a', 'b', 'c'])
    const listed = [
      { peer: 'a', numericClass: 'x' },
      { peer: 'b', numericClass: 'y' },
      { peer: 'c', numericClass: 'x' },
    ]
    const source = remote(rest, () => listed)
    const { head, embedding } = source.for(0)
    await head.logits(hidden(1))
    await peers[0]!.transport.close()
    expect(await rest.time.finished(head.logits(hidden(1)))).toEqual(
      await exact({ embed: 0, logits: 0 }).head.logits(hidden(1)),
    )
    expect(peers.map(({ calls }) => calls.logits)).toEqual([1, 0, 1])

    await peers[2]!.transport.close()
    await expect(rest.time.finished(head.logits(hidden(1)))).rejects.toMatchObject({ code: 'no-route' })
    // Rows of the embedding are the same in every class.
    expect(await rest.time.finished(embedding.lookup([2]))).toEqual(Float32Array.of(2, 2, 2, 2))
    expect(peers[1]!.calls).toEqual({ embed: 1, logits: 0 })
    await source.release()
  })

  test('a peer without room for the head is passed over', async () => {
    const { peers, ...rest } = world(['a', 'b'])
    peers[0]!.state.open = () => Promise.reject(new ShoalError('no-capacity', 'the head needs 9 bytes'))
    const source = remote(rest, () => peers.map(({ name }) => ({ peer: name, numericClass: 'x' })))
    await rest.time.finished(source.for(0).head.logits(hidden(4)))
    expect(peers.map(({ calls }) => calls.logits)).toEqual([0, 1])
    await source.release()
  })

  test('a sentence says what is missing when nobody can', async () => {
    const rest = world([])
    const { embedding } = remote(rest, () => []).for(0)
    await expect(rest.time.finished(embedding.lookup([1]))).rejects.toThrow(
      /nobody computes embedding and head .* leave --placement thin out/,
    )
  })

  test('a peer that answers with another number of values is not asked again', async () => {
    const { peers, ...rest } = world(['honest'], ['liar'])
    const source = remote(rest, () => ['liar', 'honest'].map((peer) => ({ peer, numericClass: 'x' })))
    const { head } = source.for(0)
    for (let turn = 0; turn < 2; turn += 1)
      expect(await rest.time.finished(head.logits(hidden(turn)))).toEqual(
        await exact({ embed: 0, logits: 0 }).head.logits(hidden(turn)),
      )
    expect(peers[0]!.calls.logits).toBe(2)
    expect(rest.asked()).toBe(1)
    await source.release()
  })
})

test.each([
  ['an id outside the vocabulary', { type: 'embed', rows: 1 }, Uint8Array.of(16, 0, 0, 0)],
  ['hidden states of another size', { type: 'logits', rows: 2, best: 0 }, new Uint8Array(16)],
  ['more of the best than there are', { type: 'logits', rows: 1, best: 17 }, new Uint8Array(16)],
] as const)('%s ends the channel, and nothing is loaded', async (_what, question, payload) => {
  const { peers, asker } = world(['a'])
  let opened = false
  peers[0]!.state.open = () => {
    opened = true
    return Promise.reject(new Error('loaded'))
  }
  const channel = await asker.open('a', protocols.vocabulary, { signal: new AbortController().signal })
  const ended = new Promise<Error | undefined>((resolve) => channel.onClose(resolve))
  await channel.send(...encodeVocabulary({ ...question, request: 1 }, payload))
  expect(await ended).toBeInstanceOf(Error)
  expect(opened).toBe(false)
})

test('peers of one network wait for the pace, invited ones and those of this machine do not', async () => {
  const time = new VirtualTime('pace')
  const { clock } = time
  const network = createMemoryNetwork({ clock, random: seededRandom(3) })
  const holder = network.createTransport('holder')
  const calls = { embed: 0, logits: 0 }
  const where: Readonly<Record<string, string | null>> = {
    one: 'net',
    two: 'net',
    invited: 'net',
    here: null,
  }
  serveVocabulary({
    transport: {
      handle: (...handler) => holder.handle(...handler),
      networkOf: (peer) => where[peer] ?? null,
    },
    clock,
    logger: silentLogger,
    config,
    open: async () => exact(calls),
    isAdmitted: (peer) => peer === 'invited',
  })
  const answered = new Map<string, number>()
  for (const name of Object.keys(where)) {
    const asker = network.createTransport(name)
    asker.learn('holder', holder.addresses())
    const channel = await asker.open('holder', protocols.vocabulary, { signal: new AbortController().signal })
    channel.onFrame(() => void answered.set(name, (answered.get(name) ?? 0) + 1))
    for (let request = 0; request < 40; request += 1)
      void channel.send(
        ...encodeVocabulary({ type: 'logits', request, rows: 1, best: 1 }, new Uint8Array(hidden(1).buffer)),
      )
  }
  const ofStrangers = (): number => (answered.get('one') ?? 0) + (answered.get('two') ?? 0)
  const { atOnce, everyMs } = vocabularyLimits.logits
  const isDone = (name: string): boolean => answered.get(name) === 40
  const soonMs = await time.until(() => isDone('invited') && isDone('here'), 100)
  expect(ofStrangers()).toBeLessThanOrEqual(atOnce + 1 + soonMs / everyMs)
  const moreMs = await time.until(() => ofStrangers() === 80, 1_000)
  expect(soonMs + moreMs).toBeGreaterThanOrEqual((80 - atOnce - 1) * everyMs)
})

describe('the best logits', () => {
  const row = fc.array(fc.float({ noNaN: true, min: -50, max: 50 }), { minLength: 16, maxLength: 16 })
  const sampling: fc.Arbitrary<SamplingOptions> = fc.record({
    temperature: fc.constantFrom(0, 0.3, 1, 2),
    topK: fc.integer({ min: 0, max: 20 }),
    topP: fc.constantFrom(0.5, 0.9, 1),
    minP: fc.constantFrom(0, 0.1),
    repetitionPenalty: fc.constantFrom(1, 1, 1, 1.2),
    seed: fc.integer({ min: 0, max: 1000 }),
  })

  test('decide the same token as all of them', () => {
    fc.assert(
      fc.property(row, sampling, fc.nat(30), (values, options, position) => {
        const logits = Float32Array.from(values)
        const best = bestLogitsNeeded(options, logits.length)
        if (best === 0) return
        const thin = new Float32Array(logits.length)
        unpackBest(packBest(logits, 1, best), { rows: 1, best }, thin)
        const draw = (from: Float32Array): number =>
          createSampler(options, logits.length).sample(from, position, [1, 2])
        expect(draw(thin)).toBe(draw(logits))
      }),
      { numRuns: 500 },
    )
  })

  test('are all asked for where any of them may count', () => {
    const plain = { temperature: 1, topK: 40, topP: 0.9, repetitionPenalty: 1, seed: 1 }
    expect(bestLogitsNeeded(plain, 100)).toBe(40)
    expect(bestLogitsNeeded({ ...plain, temperature: 0 }, 100)).toBe(1)
    for (const more of [
      { topK: 0 },
      { topK: 100 },
      { repetitionPenalty: 1.1 },
      { presencePenalty: 0.5 },
      { frequencyPenalty: -1 },
      { logitBias: new Map([[3, 5]]) },
    ])
      expect(bestLogitsNeeded({ ...plain, ...more }, 100)).toBe(0)
  })

  test('of several rows are apart, and an id outside the vocabulary is refused', () => {
    const logits = Float32Array.from({ length: 8 }, (_, at) => [3, 1, 4, 1, 5, 9, 2, 6][at]!)
    const into = new Float32Array(8)
    unpackBest(packBest(logits, 2, 2), { rows: 2, best: 2 }, into)
    expect([...into]).toEqual([3, -Infinity, 4, -Infinity, -Infinity, 9, -Infinity, 6])
    expect(greedy(into.subarray(0, 4))).toBe(2)
    expect([...largestCandidates(into.subarray(4), 2)]).toEqual([1, 3])
    expect(() => unpackBest(packBest(logits, 1, 1), { rows: 1, best: 1 }, into.subarray(0, 4))).toThrow(
      RangeError,
    )
  })
})
