import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import * as fc from 'fast-check'
import { seededRandom, type Random } from '@shoal/host'
import { ModelError, type JsonObject } from '@shoal/model'
import { describe, expect, test } from 'vitest'
import type { Expression, Rules } from '../expression.ts'
import { randomSchema } from '../testing/random-schema.ts'
import { schemaGrammar, schemaRules } from './schema-grammar.ts'
import { SchemaWork } from './schema-work.ts'

const ajv = new Ajv2020({ strict: false, ownProperties: true })
addFormats.default(ajv)

/** A text of the grammar, drawn at random; null where it gets long. */
function draw({ root, rules }: Rules, random: Random): string | null {
  let length = 0
  const write = (expression: Expression): string => {
    if ((length += 1) > 20_000) throw new RangeError('too long')
    switch (expression.type) {
      case 'text':
        return expression.text
      case 'characters': {
        const [first, last] = expression.ranges[random.uint32() % expression.ranges.length] ?? [0, 0]
        return String.fromCodePoint(first + (random.uint32() % (last - first + 1)))
      }
      case 'rule':
        return write(rules.get(expression.name) as Expression)
      case 'string':
        return `"${write(expression.content)}"`
      case 'sequence':
        return expression.parts.map(write).join('')
      case 'choice':
        return write(expression.options[random.uint32() % expression.options.length] as Expression)
      case 'repeat': {
        const { part, least, most } = expression
        const count = least + (random.uint32() % ((most ?? least + 3) - least + 1))
        return Array.from({ length: count }, () => write(part)).join('')
      }
    }
  }
  try {
    return write(root)
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

const grammarOf = (schema: JsonObject): Rules | null => {
  try {
    return schemaGrammar(schema)
  } catch (error) {
    if (error instanceof ModelError) return null
    throw error
  }
}

test('every text of the grammar of a random schema is valid', () => {
  let kept = 0
  let drawn = 0
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const random = seededRandom(seed)
      const schema = randomSchema(random)
      const rules = grammarOf(schema)
      if (rules === null) return
      kept += 1
      const validate = ajv.compile(schema)
      for (let turn = 0; turn < 5; turn += 1) {
        const text = draw(rules, random)
        if (text === null) continue
        drawn += 1
        if (!validate(JSON.parse(text))) expect([text, validate.errors]).toEqual([])
      }
    }),
    // The seed gave null for a member that only one of two schemas lets be null.
    { numRuns: 600, examples: [[2011397291]] },
  )
  expect(kept).toBeGreaterThan(300)
  expect(drawn).toBeGreaterThan(1000)
})

describe('refused by keyword and place', () => {
  test.each<[JsonObject, string]>([
    [{ properties: { a: { not: {} } } }, "at /properties/a cannot become a grammar: 'not' is not supported"],
    [
      { type: 'array', uniqueItems: true },
      "at its root cannot become a grammar: 'uniqueItems' is not supported",
    ],
    [{ items: { multipleOf: 5 } }, "at /items cannot become a grammar: 'multipleOf'"],
    [
      { oneOf: [{ type: 'integer' }, { type: 'number' }] },
      "'oneOf' has branches of which two may accept the same value",
    ],
    [{ $ref: 'https://example.org/x' }, "'$ref' points outside of this schema"],
    [{ $ref: '#/$defs/x' }, "'$ref' points to nothing"],
    [{ $ref: '#' }, 'infinitely deep'],
    [{ anyOf: [{ $ref: '#' }, { type: 'null' }] }, "'$ref' leads to itself"],
    [{ $ref: '#', type: 'string' }, "'$ref' refers to itself without an end"],
    [{ type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] }, 'infinitely deep'],
    [{ type: 'string', pattern: '(?=a)b' }, "'pattern' has an assertion at 0"],
    [{ type: 'string', pattern: '(a)\\1' }, "'pattern' has '\\1'"],
    [{ type: 'string', pattern: 'a+', maxLength: 3 }, "'pattern' allows lengths"],
    [{ type: 'string', format: 'iri' }, "'format' may be one of date, "],
    [{ type: 'string', maxLength: 5_000_000 }, "'maxLength' may be 1048576 at most"],
    [{ enum: ['a'], minLength: 3 }, "'minLength' cannot stand beside 'enum'"],
    [{ allOf: [{ pattern: 'a' }, { pattern: 'b' }] }, "'pattern' has different values in two schemas"],
    [{ type: 'number', minimum: 0.2, maximum: 0.4 }, "'minimum' leaves no whole number"],
    [{ type: 'string', minLength: 2, maxLength: 1 }, 'accepts no value'],
    [
      {
        type: 'array',
        items: { type: 'array', maxItems: 256, items: { type: 'string', maxLength: 1000 } },
        maxItems: 256,
      },
      'more than 50000 states',
    ],
  ])('%j', (schema, message) => {
    expect(() => schemaGrammar(schema)).toThrow(
      expect.objectContaining({ code: 'bad-request', message: expect.stringContaining(message) }),
    )
  })

  test('a schema of a thousand levels is refused, not run into', () => {
    let schema: JsonObject = { type: 'null' }
    for (let level = 0; level < 1000; level += 1) schema = { type: 'array', items: schema }
    expect(() => schemaGrammar(schema)).toThrow(/deeper than 256 levels/)
    let merged: JsonObject = { type: 'null' }
    for (let level = 0; level < 1000; level += 1) merged = { allOf: [merged] }
    expect(() => schemaGrammar(merged)).toThrow(ModelError)
  })
})

/** Definitions of which each holds the one before twice. */
const doubling = (make: (inner: object) => object): object => ({
  $defs: Object.fromEntries([
    ['d0', { type: 'object', properties: { x: { type: 'string' } }, required: ['x'] }],
    ...Array.from({ length: 40 }, (_, index) => [`d${index + 1}`, make({ $ref: `#/$defs/d${index}` })]),
  ]),
})
const nested = (levels: number, make: (inner: unknown) => unknown): unknown =>
  Array.from({ length: levels }).reduce<unknown>((inner) => make(inner), {})
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

test.each<[string, unknown]>([
  [
    'allOf of a doubled reference',
    { ...doubling((inner) => ({ allOf: [inner, inner] })), $ref: '#/$defs/d40' },
  ],
  [
    'references that are expanded in place',
    {
      ...doubling((inner) => ({
        properties: { a: { ...inner, type: 'object' }, b: { ...inner, type: 'object' } },
      })),
      $ref: '#/$defs/d40',
    },
  ],
  [
    'branches whose members are doubled references',
    {
      ...doubling((inner) => ({ type: 'object', properties: { a: inner, b: inner }, required: ['a', 'b'] })),
      oneOf: [{ $ref: '#/$defs/d40' }, { $ref: '#/$defs/d40', title: 'again' }],
    },
  ],
  [
    'branches that contain themselves',
    {
      $defs: { a: { type: 'object', properties: { a: { $ref: '#/$defs/a' } }, required: ['a'] } },
      oneOf: [{ $ref: '#/$defs/a' }, { $ref: '#/$defs/a' }],
    },
  ],
  ['14,000 branches', { oneOf: numbers(14_000).map((value) => ({ const: value })) }],
  [
    'many branches beside many members',
    {
      anyOf: numbers(4000).map(() => ({ type: 'object' })),
      properties: Object.fromEntries(numbers(400).map((value) => [`p${value}`, { type: 'string' }])),
    },
  ],
  ['two long lists without a common value', { allOf: [{ enum: numbers(20_000) }, { enum: ['a'] }] }],
  ['a long prefix of items', { type: 'array', prefixItems: numbers(20_000).map(() => true) }],
  ['a long name', { properties: { ['a'.repeat(200_000)]: true }, additionalProperties: { type: 'null' } }],
  ['a long pattern', { type: 'string', pattern: `^(${'a|'.repeat(100_000)}b)$` }],
  ['schemas inside of schemas', nested(20_000, (items) => ({ items }))],
  ['lists inside of lists', { enum: [nested(60_000, (inner) => [inner])] }],
])('costs a bounded time, and is refused: %s', (_name, schema) => {
  const before = process.cpuUsage()
  expect(() => schemaGrammar(schema)).toThrow(expect.objectContaining({ code: 'bad-request' }) as Error)
  const { user, system } = process.cpuUsage(before)
  // 0.02 to 0.4 s; the first three and the fifth took minutes or more before steps were counted.
  expect((user + system) / 1e6).toBeLessThan(3)
})

test('a tool list as large as those of agents takes a tenth of the steps', () => {
  const tool = {
    type: 'object',
    properties: Object.fromEntries(
      numbers(12).map((value) => [
        `argument${value}`,
        { type: 'string', description: 'What it is for.', enum: ['first', 'second'] },
      ]),
    ),
    required: ['argument0', 'argument3'],
    additionalProperties: false,
  }
  const work = new SchemaWork()
  for (const name of numbers(60)) schemaRules(tool, `t${name}`, work)
  // What is left suffices for nine more lists.
  for (let list = 0; list < 9; list += 1) for (const name of numbers(60)) schemaRules(tool, `t${name}`, work)
})
