import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { countRequest, messageRequest } from './anthropic/message-request.ts'
import { chatRequest as ollamaChat, generateRequest } from './ollama/requests.ts'
import { chatRequest } from './openai/chat-request.ts'
import { responseRequest } from './openai/responses/request.ts'
import { textRequest } from './openai/text-request.ts'
import { detokenizeRequest, tokenizeRequest } from './tokenize.ts'

/** Holds docs/compatibility.md to the schemas that requests are checked with, in both directions. */
const page = readFileSync(new URL('../../../docs/compatibility.md', import.meta.url), 'utf8')

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly [other: string]: unknown
}

/** A schema as JSON Schema; what cannot be written so, such as a check by code, accepts everything. */
const written = (schema: z.ZodType): JsonSchema =>
  z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' }) as JsonSchema

/** Words of the schema at any depth: names of fields, and values that it takes. */
function vocabulary(value: unknown, words = new Set<string>()): Set<string> {
  if (typeof value !== 'object' || value === null) return words
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'properties') for (const name of Object.keys(inner as object)) words.add(name)
    for (const taken of key === 'enum' && Array.isArray(inner) ? (inner as unknown[]) : [inner])
      if ((key === 'enum' || key === 'const') && typeof taken === 'string') words.add(taken)
    vocabulary(inner, words)
  }
  return words
}

function section(title: string): string {
  const [, text = ''] = page.split(`\n## ${title}\n`)
  expect(text, `the section "${title}"`).not.toBe('')
  return text.split('\n## ')[0] ?? ''
}

const quoted = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)
/** The first word of a code span, and each step of a path in it: `store: false` is `store`. */
const steps = (word: string): string[] => word.replace(/:? .*$/, '').split('.')

const dialects: readonly (readonly [title: string, schemas: readonly z.ZodType[]])[] = [
  ["OpenAI's completions", [chatRequest, textRequest]],
  ["OpenAI's responses", [responseRequest]],
  ['Tokens of a text', [tokenizeRequest, detokenizeRequest]],
  ["Anthropic's messages", [messageRequest, countRequest]],
  ['Ollama', [ollamaChat, generateRequest]],
]

test.each(dialects)('every field of the schema is in the section "%s"', (title, schemas) => {
  // What holds for all dialects stands before the first section.
  const named = new Set(quoted(page.split('\n## ')[0] + section(title)).flatMap(steps))
  const fields = schemas
    .map(written)
    .flatMap(({ properties = {} }) => [
      ...Object.keys(properties),
      ...Object.keys(properties['options'] === undefined ? {} : optionsOf(properties['options'])),
    ])
  expect(fields.length).toBeGreaterThan(0)
  expect(fields.filter((field) => !named.has(field))).toEqual([])
})

/** The fields of a schema that may be null as well. */
function optionsOf(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  const forms = (schema['anyOf'] ?? [schema]) as readonly JsonSchema[]
  return Object.assign({}, ...forms.map(({ properties = {} }) => properties)) as Record<string, JsonSchema>
}

/** Of the rows of a section's tables, those whose fields are said to work, or to have no effect. */
function acceptedWords(title: string): string[] {
  const rows = section(title)
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| field'))
    .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
  return rows
    .filter(([, , state = '']) => !state.startsWith('refused'))
    .flatMap(([, names = '']) => quoted(names).flatMap(steps))
    .filter((word) => /^[a-z][a-z_]*$/.test(word))
}

test.each(dialects)('what the section "%s" says to work is in the schema', (title, schemas) => {
  const words = schemas.map(written).reduce((all, schema) => vocabulary(schema, all), new Set<string>())
  expect(acceptedWords(title).filter((word) => !words.has(word) && !elsewhere.has(word))).toEqual([])
})

/** Parameters of a client library, by its own types: the names of an interface's members. */
function parametersOf(file: string, name: string): string[] {
  const text = readFileSync(new URL(`../../../node_modules/${file}`, import.meta.url), 'utf8')
  const [, inside = ''] =
    new RegExp(`interface ${name}(?:<[^>]*>)?(?: extends \\w+)? {\n([^]*?)\n}`).exec(text) ?? []
  const indent = /^ +/.exec(inside)?.[0] ?? ''
  return [...inside.matchAll(new RegExp(`^${indent}(\\w+)\\??:`, 'gm'))].map(([, word = '']) => word)
}

test.each([
  [
    "OpenAI's completions",
    'openai/resources/chat/completions/completions.d.ts',
    'ChatCompletionCreateParamsBase',
    25,
  ],
  ["OpenAI's completions", 'openai/resources/completions.d.ts', 'CompletionCreateParamsBase', 15],
  ["OpenAI's responses", 'openai/resources/responses/responses.d.ts', 'ResponseCreateParamsBase', 20],
  [
    "Anthropic's messages",
    '@anthropic-ai/sdk/resources/messages/messages.d.ts',
    'MessageCreateParamsBase',
    12,
  ],
  ['Ollama', 'ollama/dist/browser.d.ts', 'ChatRequest', 5],
  ['Ollama', 'ollama/dist/browser.d.ts', 'GenerateRequest', 8],
  ['Ollama', 'ollama/dist/browser.d.ts', 'Options', 20],
])('the section "%s" says of every parameter of %s, %s, whether it works', (title, file, name, least) => {
  const parameters = parametersOf(file, name)
  expect(parameters.length).toBeGreaterThanOrEqual(least)
  const named = new Set(quoted(page.split('\n## ')[0] + section(title)).flatMap(steps))
  expect(parameters.filter((parameter) => !named.has(parameter))).toEqual([])
})

/** Types of parts, which a check by code takes. */
const elsewhere = new Set(['input_text', 'output_text'])
