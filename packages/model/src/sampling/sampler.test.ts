import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { philox, uniformAt } from '../sources/random/counter-random.ts'
import { createLogitAdjuster } from './adjust-logits.ts'
import { largestCandidates } from './largest-candidates.ts'
import { logprobs } from './logprobs.ts'
import { nucleus, weightOf } from './nucleus.ts'
import { createSampler, greedy } from './sampler.ts'
import type { SamplingOptions } from './sampling-types.ts'

const plain: SamplingOptions = { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1, seed: 1 }
const hex = (words: number[]): string => words.map((word) => word.toString(16).padStart(8, '0')).join(' ')

// Known answers of Random123 (kat_vectors, philox4x32 with 10 rounds).
test.each<[[number, number, number, number], [number, number], string]>([
  [[0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    '408f276d 41c83b0e a20bc7c6 6d5451fd',
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    'd16cfe09 94fdcceb 5001e420 24126ea1',
  ],
])('philox %o %o', (counter, key, expected) => {
  expect(hex(philox(counter, key))).toBe(expected)
})

test('uniform numbers fill [0, 1) and depend on seed and position', () => {
  const draws = Array.from({ length: 4000 }, (_, position) => uniformAt(7, position))
  expect(draws.every((draw) => draw >= 0 && draw < 1)).toBe(true)
  expect(draws.reduce((sum, draw) => sum + draw, 0) / draws.length).toBeCloseTo(0.5, 1)
  expect(new Set(draws).size).toBe(4000)
  expect(uniformAt(8, 0)).not.toBe(draws[0])
  expect(uniformAt(7, 0)).toBe(draws[0])
})

const row = Float32Array.of(0, 2, 1, -1, 2, 0.5)

test('greedy takes the smallest id among the largest logits', () => {
  expect(greedy(row)).toBe(1)
  expect(greedy(Float32Array.of(NaN, -Infinity, -3, -3))).toBe(2)
  expect(() => greedy(Float32Array.of(NaN, -Infinity))).toThrow(/no logit that is a number/)
  const sampler = createSampler({ ...plain, temperature: 0, topK: 3, topP: 0.5 }, 6)
  for (let position = 0; position < 50; position++) expect(sampler.sample(row, position, [])).toBe(1)
})

test('the draw is pinned: a replay on any machine gives these tokens', () => {
  const draw = (options: Partial<SamplingOptions>): string => {
    const sampler = createSampler({ ...plain, ...options }, 6)
    return Array.from({ length: 24 }, (_, position) => sampler.sample(row, position, [])).join('')
  }
  expect({
    plain: draw({}),
    seed: draw({ seed: 2 }),
    hot: draw({ temperature: 3 }),
    topK: draw({ topK: 3 }),
    topP: draw({ topP: 0.6 }),
  }).toMatchInlineSnapshot(`
    {
      "hot": "541411224114224231314212",
      "plain": "441411224114214241414111",
      "seed": "212115014441141241122424",
      "topK": "241411442114114441414111",
      "topP": "441411114114114141414111",
    }
  `)
})

/** Probabilities by definition: sort, cut, normalise. */
function reference(
  logits: readonly number[],
  { temperature, topK, topP, minP = 0 }: SamplingOptions,
): number[] {
  const order = logits.map((_, id) => id).sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b)
  const largest = logits[order[0] ?? 0] ?? 0
  const kept = topK === 0 ? order : order.slice(0, topK)
  const weights = kept.map((id) => Math.exp(((logits[id] ?? 0) - largest) / temperature))
  const mass = weights.reduce((sum, weight) => sum + weight, 0)
  let total = 0
  let count = 0
  while (count < kept.length && (count === 0 || (total < topP * mass && (weights[count] ?? 0) >= minP)))
    total += weights[count++] ?? 0
  const probabilities = logits.map(() => 0)
  for (let index = 0; index < count; index++) probabilities[kept[index] ?? 0] = (weights[index] ?? 0) / total
  return probabilities
}

test.each<[string, Partial<SamplingOptions>]>([
  ['all', {}],
  ['temperature 0.5', { temperature: 0.5 }],
  ['temperature 2', { temperature: 2 }],
  ['top-k 2', { topK: 2 }],
  ['top-k above the vocabulary', { topK: 99 }],
  ['top-p 0.8', { topP: 0.8 }],
  ['top-p 0.1', { topP: 0.1 }],
  ['min-p 0.3', { minP: 0.3 }],
  ['min-p 1', { minP: 1 }],
  ['min-p 0.1 at temperature 2', { minP: 0.1, temperature: 2 }],
  ['min-p 0.3 and top-p 0.9', { minP: 0.3, topP: 0.9 }],
  ['min-p 0.2 and top-k 3', { minP: 0.2, topK: 3 }],
  ['top-k 4 and top-p 0.7', { topK: 4, topP: 0.7, temperature: 1.5 }],
])('20,000 draws follow the distribution: %s', (_, change) => {
  const options = { ...plain, ...change, seed: 11 }
  const sampler = createSampler(options, row.length)
  const counts = Array.from(row, () => 0)
  const draws = 20_000
  for (let position = 0; position < draws; position++) {
    const id = sampler.sample(row, position, [])
    counts[id] = (counts[id] ?? 0) + 1
  }
  const expected = reference([...row], options)
  let chiSquare = 0
  expected.forEach((probability, id) => {
    const count = counts[id] ?? 0
    if (probability === 0) expect(count).toBe(0)
    else chiSquare += (count - draws * probability) ** 2 / (draws * probability)
  })
  // 99.9th percentile for 5 degrees of freedom; the seed is fixed, so this never flickers.
  expect(chiSquare).toBeLessThan(20.5)
})

test('the penalty: positive logits divided, negative multiplied, once per token', () => {
  const sampler = createSampler({ ...plain, temperature: 0, repetitionPenalty: 4 }, 6)
  expect(sampler.sample(row, 0, [1, 1, 4])).toBe(2)
  expect(sampler.sample(Float32Array.of(-1, -3, -5, -9, -9, -9), 0, [0, 0, 77])).toBe(1)
  expect(createSampler({ ...plain, temperature: 0, repetitionPenalty: 2 }, 6).sample(row, 0, [1, 1, 1])).toBe(
    4,
  )
  expect([...row]).toEqual([0, 2, 1, -1, 2, 0.5])
})

test('frequency and presence are those of the output, and a count is subtracted at once', () => {
  const drawn = (options: Partial<SamplingOptions>, tokens: number[], promptTokens = 0): number =>
    createSampler({ ...plain, temperature: 0, ...options }, 6, promptTokens).sample(row, 0, tokens)
  expect(drawn({ presencePenalty: 1 }, [1, 1, 77])).toBe(4)
  expect(drawn({ presencePenalty: 0.5 }, [1, 1, 4, 4, 4])).toBe(1)
  expect(drawn({ frequencyPenalty: 0.5 }, [1, 1, 4])).toBe(4)
  expect(drawn({ frequencyPenalty: 0.5 }, [1, 1, 1, 4, 4, 4])).toBe(2)
  expect(drawn({ frequencyPenalty: 1, presencePenalty: 1 }, [1, 1, 4, 4], 2)).toBe(1)
  expect(drawn({ presencePenalty: -2 }, [2])).toBe(2)
  expect([...row]).toEqual([0, 2, 1, -1, 2, 0.5])
})

test('bias comes first, then the repetition penalty, then frequency and presence, each once', () => {
  const options = {
    ...plain,
    repetitionPenalty: 2,
    frequencyPenalty: 0.25,
    presencePenalty: 0.5,
    logitBias: new Map([
      [0, 3],
      [3, -4],
      [5, 0],
    ]),
  }
  const adjust = createLogitAdjuster(options, 6, 2)
  expect(adjust === null ? [] : [...adjust(row, [3, 1, 0, 0, 4, 99])]).toEqual([0.5, 1, 1, -10, 0.25, 0.5])
  expect(adjust === null ? [] : [...adjust(row, [3])]).toEqual([3, 2, 1, -10, 2, 0.5])
  expect(createLogitAdjuster({ ...plain, minP: 0.5, logitBias: new Map([[1, 0]]) }, 6, 0)).toBeNull()
})

test('a bias of 100 forces a token and one of -100 bans it', () => {
  const bias = (id: number, value: number): Partial<SamplingOptions> => ({
    logitBias: new Map([[id, value]]),
  })
  for (let position = 0; position < 50; position++) {
    expect(createSampler({ ...plain, ...bias(3, 100) }, 6).sample(row, position, [])).toBe(3)
    expect(createSampler({ ...plain, ...bias(1, -100) }, 6).sample(row, position, [])).not.toBe(1)
  }
})

test('equal tokens so far give an equal draw, whatever was drawn before', () => {
  const options = {
    ...plain,
    presencePenalty: 1.5,
    frequencyPenalty: 0.5,
    repetitionPenalty: 1.2,
    minP: 0.05,
  }
  const draw = (from: number): number[] => {
    const sampler = createSampler(options, 6, 1)
    const tokens = [2]
    for (let position = 1; position < 40; position++) {
      const token = position >= from ? sampler.sample(row, position, tokens) : (first[position] ?? 0)
      tokens.push(token)
    }
    return tokens
  }
  const first = draw(0)
  for (const from of [2, 17, 39]) expect(draw(from)).toEqual(first)
})

const logit = fc.oneof(
  fc.float({ noNaN: true, min: -30, max: 30 }),
  fc.constantFrom(0, 1, 1, -1, Infinity * -1),
)
const logitRow = fc.array(logit, { minLength: 1, maxLength: 300 }).map((values) => Float32Array.from(values))

test('largest candidates equal a sort by (logit descending, id ascending)', () => {
  fc.assert(
    fc.property(logitRow, fc.nat(310), (logits, count) => {
      const sorted = Array.from(logits, (_, id) => id).sort((a, b) => {
        const [left, right] = [logits[a] ?? 0, logits[b] ?? 0]
        return left === right ? a - b : right - left
      })
      expect([...largestCandidates(logits, count)]).toEqual(sorted.slice(0, count))
    }),
  )
})

test('NaN comes last among candidates', () => {
  expect([...largestCandidates(Float32Array.of(NaN, 1, NaN, 3, 2), 3)]).toEqual([3, 4, 1])
  expect([...largestCandidates(Float32Array.of(NaN, 1, NaN), 3)]).toEqual([1, 0, 2])
})

test('any row and options give a token that the options allow, and the same one again', () => {
  const options = fc.record({
    temperature: fc.double({ min: 0.01, max: 5, noNaN: true }),
    topK: fc.nat(12),
    topP: fc.double({ min: 0.01, max: 1, noNaN: true }),
    repetitionPenalty: fc.constant(1),
    seed: fc.nat(),
  })
  fc.assert(
    fc.property(logitRow, options, fc.nat(), (logits, options, position) => {
      fc.pre(logits.some((one) => one > -Infinity))
      const token = createSampler(options, logits.length).sample(logits, position, [])
      expect(createSampler(options, logits.length).sample(logits.slice(), position, [])).toBe(token)
      expect(logits[token]).toBeGreaterThan(-Infinity)
      const better = [...logits].filter((one) => one > (logits[token] ?? 0)).length
      if (options.topK > 0) expect(better).toBeLessThan(options.topK)
    }),
  )
})

test.each<[Partial<SamplingOptions>, RegExp]>([
  [{ temperature: -1 }, /temperature/],
  [{ temperature: NaN }, /temperature/],
  [{ topK: 1.5 }, /top-k/],
  [{ topP: 0 }, /top-p/],
  [{ topP: 1.1 }, /top-p/],
  [{ minP: -0.1 }, /min-p/],
  [{ minP: NaN }, /min-p/],
  [{ repetitionPenalty: 0 }, /penalty/],
  [{ presencePenalty: 2.1 }, /presence penalty must be from -2 to 2/],
  [{ frequencyPenalty: NaN }, /frequency penalty/],
  [{ logitBias: new Map([[6, 1]]) }, /token 6, but the vocabulary's ids are from 0 to 5/],
  [{ logitBias: new Map([[0.5, 1]]) }, /token 0.5/],
  [{ logitBias: new Map([[5, -101]]) }, /token 5 must be from -100 to 100/],
  [{ seed: -1 }, /seed/],
  [{ seed: 2 ** 32 }, /seed/],
])('refused: %o', (change, message) => {
  expect(() => createSampler({ ...plain, ...change }, 6)).toThrow(
    expect.objectContaining({ code: 'bad-request', message: expect.stringMatching(message) }),
  )
})

test('log-probabilities sum to one and list the best first', () => {
  const { logprob, top } = logprobs(row, 4, 6)
  expect(top.map(({ tokenId }) => tokenId)).toEqual([1, 4, 2, 5, 0, 3])
  expect(top.reduce((sum, one) => sum + Math.exp(one.logprob), 0)).toBeCloseTo(1, 12)
  expect(logprob).toBe(top[1]?.logprob)
  expect(() => logprobs(row, 6, 0)).toThrow(/not in a vocabulary/)
  expect(() => logprobs(row, 0, 21)).toThrow(/from 0 to 20/)
})

test('top-p cuts the whole vocabulary where a sort by (logit descending, id ascending) would', () => {
  fc.assert(
    fc.property(
      logitRow,
      fc.double({ min: 0.01, max: 0.999, noNaN: true }),
      fc.double({ min: 0.1, max: 50, noNaN: true }),
      (logits, topP, temperature) => {
        fc.pre(logits.some((one) => one > -Infinity))
        const largest = Math.max(...logits)
        const { candidates, mass } = nucleus(logits, largest, topP, temperature)
        expect([...candidates]).toEqual([...largestCandidates(logits, candidates.length)])
        const held = candidates.reduce((sum, id) => sum + weightOf(logits[id] ?? 0, largest, temperature), 0)
        expect(held).toBeGreaterThanOrEqual(topP * mass)
      },
    ),
    { numRuns: 500 },
  )
  expect([...nucleus(Float32Array.of(0, -0, 0, -0), 0, 0.9, 1).candidates]).toEqual([0, 1, 2, 3])
})
