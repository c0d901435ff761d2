import type { Grammar, JsonObject } from '@shoal/model'

/** A grammar, and answers that keep to it. */
export interface GrammarCase {
  readonly name: string
  readonly grammar: Exclude<Grammar, { kind: 'choice' }>
  readonly texts: readonly string[]
}

const text = { type: 'string' } as const
const objectOf = (properties: JsonObject): JsonObject => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
})
const schemaCase = (name: string, schema: JsonObject, values: readonly unknown[]): GrammarCase => ({
  name,
  grammar: { kind: 'json-schema', schema },
  texts: values.map((value) => JSON.stringify(value)),
})

const prose =
  'The small ferry left at seven in the morning, with eleven passengers, two bicycles and a dog that did not like the sea.'

const contact = objectOf({
  name: { type: 'string', minLength: 1 },
  born: { type: 'string', format: 'date' },
  email: { type: 'string', format: 'email' },
  age: { type: 'integer', minimum: 0, maximum: 130 },
  notes: text,
})

const order = objectOf({
  id: { type: 'string', pattern: '^[A-Z]{2}-\\d{4}$' },
  lines: {
    type: 'array',
    minItems: 1,
    maxItems: 20,
    items: objectOf({
      article: { enum: ['apple', 'pear', 'plum', 'quince'] },
      count: { type: 'integer', minimum: 1, maximum: 99 },
      price: { type: 'number', minimum: 0 },
      gift: { type: 'boolean' },
    }),
  },
  address: {
    anyOf: [
      { type: 'null' },
      objectOf({ street: text, city: text, code: { type: 'string', pattern: '^\\d{5}$' } }),
    ],
  },
})

/** Calls of tools as a coding assistant makes them. */
const tools: readonly (readonly [string, JsonObject])[] = [
  ['read_file', objectOf({ path: text, offset: { type: 'integer', minimum: 0 } })],
  ['write_file', objectOf({ path: text, content: text })],
  ['run', objectOf({ command: text, timeout_s: { type: 'integer', minimum: 1, maximum: 600 } })],
  ['search', objectOf({ query: text, corpus: { enum: ['docs', 'issues', 'code', 'pages'] } })],
]
const frame = (name: string): string => `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments": `
const call = (name: string, given: object): string => `${frame(name)}${JSON.stringify(given)}}\n</tool_call>`

const lines = Array.from({ length: 6 }, (_, index) => ({
  article: ['apple', 'pear', 'plum'][index % 3],
  count: index + 1,
  price: 1.25 * index,
  gift: index % 2 === 0,
}))

export const grammarCases: readonly GrammarCase[] = [
  {
    name: 'Json',
    grammar: { kind: 'json' },
    texts: [
      JSON.stringify({ lines, prose, nested: [[1, [2.5e3]], { a: null }] }),
      JSON.stringify([prose, prose]),
    ],
  },
  schemaCase('Contact', contact, [
    { name: 'Ada Lovelace', born: '1815-12-10', email: 'ada@example.org', age: 36, notes: prose },
    { name: 'Żółw', born: '2001-02-03', email: 'z.w@example.org', age: 24, notes: `"${prose}"\n` },
  ]),
  schemaCase('Order', order, [
    { id: 'AB-1234', lines, address: { street: 'Harbour Lane 5', city: 'Oslo', code: '01234' } },
    { id: 'ZZ-0000', lines: lines.slice(0, 2), address: null },
  ]),
  {
    name: 'Tools',
    grammar: {
      kind: 'tags',
      tags: tools.map(([name, schema]) => ({ begin: frame(name), schema, end: '}\n</tool_call>' })),
      separator: '\n',
    },
    texts: [
      [
        call('search', { query: 'ferry timetable', corpus: 'docs' }),
        call('write_file', { path: 'src/ferry.ts', content: `// ${prose}\nexport const seats = 11\n` }),
        call('run', { command: 'npm test', timeout_s: 60 }),
      ].join('\n'),
    ],
  },
  schemaCase('Bounded', objectOf({ summary: { type: 'string', maxLength: 60 } }), [
    { summary: prose.slice(0, 60) },
  ]),
  schemaCase(
    'Counted',
    objectOf({
      summary: { type: 'string', pattern: '^[A-Za-z ,.]{20,200}$' },
      more: { type: 'string', minLength: 40, maxLength: 4000 },
    }),
    [{ summary: prose, more: prose }],
  ),
  schemaCase(
    'Enum',
    { enum: Array.from({ length: 1000 }, (_, index) => `city-${(index * 7919) % 1000}-${index}`) },
    [`city-${(321 * 7919) % 1000}-321`, `city-${(999 * 7919) % 1000}-999`],
  ),
]
