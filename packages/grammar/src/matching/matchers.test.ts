import { seededRandom } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { idsOf, type JsonObject } from '@shoal/model'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ebnf, grammarText } from '../grammar-text.ts'
import type { GrammarText } from '../print.ts'
import { createMatchers, type Matchers } from './matchers.ts'

/** Token 0 ends; tokens 1 to 256 are the bytes, and a few words follow, of which one has half of an é. */
const words = ['{"', '": ', 'true', 'yes', 'x\u00c3', ' "'].map((word) =>
  Uint8Array.from(word, (character) => character.charCodeAt(0)),
)
const bytesOf = (id: number): Uint8Array | null =>
  id === 0 ? null : id <= 256 ? Uint8Array.of(id - 1) : (words[id - 257] ?? null)
const decoder = { vocabularySize: 257 + words.length, tokenBytes: bytesOf }
const textOf = (ids: readonly number[]): string =>
  new TextDecoder('utf-8', { fatal: true }).decode(
    Uint8Array.from(ids.flatMap((id) => [...(bytesOf(id) ?? [])])),
  )
const idsOfText = (text: string): number[] => [...new TextEncoder().encode(text)].map((byte) => byte + 1)

let matchers: Matchers
beforeAll(() => {
  matchers = createMatchers({ clock: systemClock, decoder, endTokenIds: [0] })
})
afterAll(() => matchers.close())

/** An answer drawn among the allowed tokens; null when it is not at its end after `most` tokens. */
async function draw(grammar: GrammarText, seed: number, most: number): Promise<string | null> {
  const matcher = await matchers.open(grammar)
  const random = seededRandom(seed)
  const output: number[] = []
  try {
    while (output.length < most) {
      const allowed = idsOf(await matcher.allowed(output))
      const tokenId = allowed[random.uint32() % allowed.length] ?? -1
      if (tokenId === 0) return textOf(output)
      output.push(tokenId)
      matcher.ahead(output)
    }
    return null
  } finally {
    matcher.close()
  }
}

describe('the tokens that a grammar allows', () => {
  test('lead to its texts, also with half a character, and end where it is complete', async () => {
    const matcher = await matchers.open(ebnf('root ::= "yes" | "x\\u00e9"'))
    const allowed = async (...output: number[]): Promise<number[]> => idsOf(await matcher.allowed(output))
    const [y, e, x] = idsOfText('yex') as [number, number, number]
    expect(await allowed()).toEqual([x, y, 260, 261])
    expect(await allowed(260)).toEqual([0])
    expect(await allowed(261)).toEqual([0xa9 + 1])
    expect(await allowed(261, 0xa9 + 1)).toEqual([0])
    // Back to another beginning: the state follows from the tokens alone.
    expect(await allowed(y)).toEqual([e])
    expect(await allowed()).toEqual([x, y, 260, 261])
    matcher.close()
  })

  test('make JSON: every answer that comes to its end can be parsed', async () => {
    const texts = await Promise.all(
      Array.from({ length: 30 }, (_, seed) => draw(grammarText({ kind: 'json' }), seed, 200)),
    )
    const finished = texts.filter((text) => text !== null)
    expect(finished.length).toBeGreaterThan(5)
    for (const text of finished) JSON.parse(text)
  })

  test('are the same in a new thread, to which another grammar has driven the answer', async () => {
    const matcher = await matchers.open(ebnf('root ::= "yes yes"'))
    expect(idsOf(await matcher.allowed(idsOfText('yes')))).toEqual([0x20 + 1])
    await expect(matchers.open(ebnf('root ::= ('))).rejects.toThrow(
      expect.objectContaining({ code: 'bad-request', message: expect.stringMatching(/cannot be used/) }),
    )
    expect(idsOf(await matcher.allowed(idsOfText('yes ')))).toEqual(idsOfText('y').concat(260))
    matcher.close()
  })

  test('a grammar that needs too much is refused, and the next one works', async () => {
    await expect(matchers.open(ebnf(`root ::= "${'x'.repeat(300_000)}"`))).rejects.toThrow(
      /at most 262144 are allowed/,
    )
    const nested = `${'('.repeat(2000)}"a"${'){1,100}'.repeat(3)}${')'.repeat(1997)}`
    await expect(matchers.open(ebnf(`root ::= ${nested}`))).rejects.toThrow(/cannot be used/)
    expect(await draw(ebnf('root ::= "yes"'), 1, 10)).toBe('yes')
  })
})

test('a string takes the bytes of UTF-8, no other ones, and no control character', async () => {
  const matcher = await matchers.open(grammarText({ kind: 'json' }))
  const spans = async (...bytes: number[]): Promise<number[][]> => {
    const ids = idsOf(await matcher.allowed(bytes.map((byte) => byte + 1)))
    const found: number[][] = []
    for (const byte of ids.filter((id) => id > 0 && id <= 256).map((id) => id - 1)) {
      const last = found.at(-1)
      if (last?.[1] === byte - 1) last[1] = byte
      else found.push([byte, byte])
    }
    return found
  }
  const quote = 0x22
  // The table of well-formed sequences in RFC 3629, section 4.
  const following: readonly [number[], number[]][] = [
    [[0xc2], [0x80, 0xbf]],
    [[0xe0], [0xa0, 0xbf]],
    [[0xed], [0x80, 0x9f]],
    [[0xf0], [0x90, 0xbf]],
    [[0xf4], [0x80, 0x8f]],
    [
      [0xf4, 0x8f],
      [0x80, 0xbf],
    ],
  ]
  const next = [
    [0x20, 0x7f],
    [0xc2, 0xf4],
  ]
  expect(await spans(quote)).toEqual(next)
  for (const [bytes, span] of following) expect(await spans(quote, ...bytes)).toEqual([span])
  expect(await spans(quote, 0xf0, 0x9f, 0x98, 0x80)).toEqual(next)
  matcher.close()
})

test('a class beyond ASCII in a given grammar is refused, because the library reads classes as bytes', () => {
  const given = (text: string): GrammarText => grammarText({ kind: 'ebnf', text })
  for (const text of ['root ::= [à-ü]', 'root ::= [^\\u00e9]', 'root ::= "]" [a-\\U0001F600]'])
    expect(() => given(text)).toThrow(/has characters beyond ASCII, which is not supported/)
  for (const text of ['root ::= "[é]" [a-z]', 'root ::= [^"\\\\] # [é]', 'root ::= "\\"" [\\u0041]'])
    expect(given(text).ebnf).toBe(text)
})

test.each([
  [{ exclusiveMinimum: 1510 }, ['14', '148', '1510', '1511', '1600', '99999']],
  [{ minimum: 1284 }, ['849', '1283', '1284', '12840']],
  [{ minimum: -1284, maximum: 37 }, ['38', '-1285', '-1284', '-99', '37']],
])('whole numbers within %j end only within them', async (bounds, texts) => {
  const {
    minimum = -Infinity,
    maximum = Infinity,
    exclusiveMinimum = -Infinity,
  } = bounds as Record<string, number>
  const schema = { type: 'integer', ...bounds }
  for (const text of texts) {
    const matcher = await matchers.open(grammarText({ kind: 'json-schema', schema }))
    const value = Number(text)
    const within = value >= minimum && value <= maximum && value > exclusiveMinimum
    // A beginning that no number has is refused by itself.
    const ends = await matcher.allowed(idsOfText(text)).then(
      (mask) => idsOf(mask).includes(0),
      () => false,
    )
    expect([text, ends]).toEqual([text, within])
    matcher.close()
  }
})

/** Whether a text, byte by byte, is an answer of the schema. */
async function accepts(schema: JsonObject, text: string): Promise<boolean> {
  const matcher = await matchers.open(grammarText({ kind: 'json-schema', schema }))
  const ids = idsOfText(text)
  try {
    for (let length = 0; length < ids.length; length += 1)
      if (!idsOf(await matcher.allowed(ids.slice(0, length))).includes(ids[length] ?? -1)) return false
    return idsOf(await matcher.allowed(ids)).includes(0)
  } finally {
    matcher.close()
  }
}

const short = { type: 'string', minLength: 2, maxLength: 4 }
const code = { type: 'string', pattern: '^[a-z]{2,40}-\\d{3}$' }

test.each<readonly [JsonObject, string[], string[]]>([
  [short, ['"ab"', '"é😀\\n\\u0041"', '"\\"\\\\"'], ['"a"', '"abcde"', '"\\ud83d\\ude00"', '""']],
  [code, ['"ab-123"', `"${'z'.repeat(40)}-000"`], [`"${'z'.repeat(41)}-000"`, '"a-123"', '"ab-12"']],
  [{ type: 'string', minLength: 200 }, [`"${'é'.repeat(200)}"`], [`"${'é'.repeat(199)}"`]],
  // Several strings behind one quote.
  [{ anyOf: [short, code, { enum: ['x', 7] }] }, ['"abc"', '"abcdef-123"', '"x"', '7'], ['"y"', '"abcdef"']],
  [{ anyOf: [short, { type: 'string' }] }, ['"a long text"', '""'], ['7']],
  [{ type: ['string', 'null'], maxLength: 1 }, ['"x"', 'null'], ['"xy"']],
  [
    { type: 'array', items: { anyOf: [{ type: 'array', items: short }, short] }, maxItems: 2 },
    ['["ab",["abc","de"]]', '[]'],
    ['["a"]', '[["abcde"]]'],
  ],
])('of %j the texts within the bounds are answers, and no others', async (schema, right, wrong) => {
  for (const text of right) expect([text, await accepts(schema, text)]).toEqual([text, true])
  for (const text of wrong) expect([text, await accepts(schema, text)]).toEqual([text, false])
})

test('inside a bounded string a token is allowed when what it holds of the string fits, and its rest the grammar', async () => {
  const schema = { type: 'object', properties: { a: { type: 'string', maxLength: 4 } }, required: ['a'] }
  const matcher = await matchers.open(grammarText({ kind: 'json-schema', schema }))
  // What closes the string has one character before its quote.
  const [opening, yes, half, blank] = [257, 260, 261, 262]
  const allowed = async (text: string): Promise<number[]> => idsOf(await matcher.allowed(idsOfText(text)))
  const words = async (text: string): Promise<number[]> => (await allowed(text)).filter((id) => id > 256)
  expect(await words('{"a":"')).toEqual([opening, 259, yes, half, blank])
  expect(await words('{"a":"12')).toEqual([opening, half, blank])
  expect(await words('{"a":"123')).toEqual([opening, blank])
  expect(await words('{"a":"1234')).toEqual([])
  expect(await allowed('{"a":"1234')).toEqual(idsOfText('"'))
  // Back inside of the string, and to its beginning: the state follows from the tokens alone.
  expect(await words('{"a":"12')).toEqual([opening, half, blank])
  expect(await words('{"a"')).toEqual([])
  expect(await words('{"a":"')).toEqual([opening, 259, yes, half, blank])
  matcher.close()
})
