import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTokenDecoder } from '../tokenizer/decoding/token-decoder.ts'
import { createChoiceMatcher } from './choice-matcher.ts'
import { createTokenIndex, type TokenIndex } from './token-index.ts'
import { idsOf } from './token-mask.ts'

const end = 0
/** A byte-level vocabulary: `Ã` and `©` are the two bytes of é, and token 9 is special. */
const vocabulary = ['<end>', 'y', 'e', 's', 'yes', 'es', 'n', 'Ã', '©', 'yes', 'yes']
const decoder = createTokenDecoder({
  vocabulary,
  added: new Map([
    [0, true],
    [9, true],
  ]),
  decoder: { type: 'ByteLevel' },
})
const indexOf = (): Promise<TokenIndex> => createTokenIndex(decoder, async () => undefined)

test('tokens that lead to a text are allowed, special ones never, and the end where a text is complete', async () => {
  const matcher = createChoiceMatcher(['yes', 'ye', 'né'], await indexOf(), [end])
  const allowed = (...output: number[]): number[] => idsOf(matcher.allowed(output))
  expect(allowed()).toEqual([1, 4, 6, 10])
  expect(allowed(1)).toEqual([2, 5])
  expect(allowed(1, 2)).toEqual([end, 3])
  expect(allowed(4)).toEqual([end])
  expect(allowed(6)).toEqual([7])
  expect(allowed(6, 7)).toEqual([8])
  expect(allowed(6, 7, 8)).toEqual([end])
})

test('a token after which a text could not be finished is not allowed', async () => {
  const index = await createTokenIndex(
    createTokenDecoder({
      vocabulary: ['', 'a', 'ab', 'bc'],
      added: new Map(),
      decoder: { type: 'ByteLevel' },
    }),
    async () => undefined,
  )
  expect(idsOf(createChoiceMatcher(['abc'], index, [0]).allowed([]))).toEqual([1])
})

test('every walk over allowed tokens writes one of the texts and then ends', async () => {
  const index = await indexOf()
  const text = fc.stringMatching(/^[yesné]{1,6}$/)
  fc.assert(
    fc.property(
      fc.array(text, { minLength: 1, maxLength: 5 }),
      fc.infiniteStream(fc.nat()),
      (texts, draws) => {
        const matcher = createChoiceMatcher(texts, index, [end])
        const output: number[] = []
        for (const draw of draws) {
          const allowed = idsOf(matcher.allowed(output))
          const tokenId = allowed[draw % allowed.length] ?? -1
          if (tokenId === end) break
          expect(tokenId).toBeGreaterThan(0)
          output.push(tokenId)
        }
        expect(texts).toContain(decoder.decode(output))
      },
    ),
  )
})

test.each<[readonly string[], RegExp]>([
  [[], /from 1 to 1024 texts, and this one has 0/],
  [Array.from({ length: 1025 }, (_, index) => `${index}`), /has 1025/],
  [['yes', ''], /from 1 to 1024 characters/],
  [['y'.repeat(1025)], /from 1 to 1024 characters/],
  [['\ud83d'], /surrogate/],
  [['yes', 'no'], /no tokens for the choice "no"/],
])('refused: %o', async (texts, message) => {
  const index = await indexOf()
  expect(() => createChoiceMatcher(texts, index, [end])).toThrow(
    expect.objectContaining({ code: 'bad-request', message: expect.stringMatching(message) }),
  )
})

test('a large vocabulary is read in turns', async () => {
  let pauses = 0
  const large = { vocabularySize: 20_000, tokenBytes: (id: number) => Uint8Array.of(id & 255, id >> 8) }
  const index = await createTokenIndex(large, async () => {
    pauses += 1
  })
  expect(pauses).toBe(4)
  expect(index.idsOf(String.fromCharCode(7, 1))).toEqual([263])
})
