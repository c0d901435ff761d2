import type { Random } from '@shoal/host'

/** Longest damaged request: twice the head that the API reads, and a body. */
const requestCharactersMax = 64 * 1024

const below = (random: Random, end: number): number => (end <= 0 ? 0 : random.uint32() % end)
const oneOf = <Value>(random: Random, values: readonly [Value, ...Value[]]): Value =>
  values[below(random, values.length)] ?? values[0]

/** What parsers of HTTP, JSON and URLs stumble over. */
const pieces: readonly [string, ...string[]] = [
  '\r\n',
  '\n',
  '\r\n\r\n',
  '\0',
  '\x7f',
  '\u00ff',
  ' HTTP/1.0',
  ' HTTP/9.9',
  'Transfer-Encoding: chunked\r\n',
  'Content-Length: 5\r\n',
  'content-length: 99999999999999999999\r\n',
  'content-length: -1\r\n',
  'Upgrade: websocket\r\nConnection: Upgrade\r\n',
  'Expect: something\r\n',
  'Host: [\r\n',
  'ffffffffffffffff\r\n',
  '..%2f..%2f',
  '%00',
  '%zz',
  '?'.repeat(50),
  '//evil.example/',
  '"__proto__":{"a":1},',
  '"constructor":null,',
  '1e999',
  '-0',
  '9007199254740993',
  'null',
  'true',
  '""',
  '[]',
  '{}',
  '"\\ud800"',
  '"\\u0000"',
  '['.repeat(600),
  '{"a":'.repeat(600),
  'a'.repeat(20_000),
]

/** Values that are JSON. */
const jsonValues: readonly [string, ...string[]] = [
  '1e999',
  '-0',
  '-1',
  '0.5',
  '9007199254740993',
  'null',
  'true',
  '""',
  '[]',
  '{}',
  '"\\ud800"',
  '"\\u0000"',
  '[[[[[[[[[[]]]]]]]]]]',
  '{"__proto__":{"a":1},"type":"x"}',
  `"${'a'.repeat(20_000)}"`,
]

type Mutation = (text: string, random: Random, other: string) => string

const insert = (text: string, at: number, piece: string): string => text.slice(0, at) + piece + text.slice(at)

/** Puts something else in the place of a value of the body. */
const changeValue: Mutation = (text, random) => {
  const values = [...body(text).matchAll(/(?<=:)("[^"]*"|[\d.-]+|true|false|null|\[[^\]]*\])/g)]
  const value = values[below(random, values.length)]
  if (value === undefined) return text
  const at = head(text).length + value.index
  const other =
    below(random, 2) === 0 ? oneOf(random, jsonValues) : (values[below(random, values.length)]?.[0] ?? '')
  return text.slice(0, at) + other + text.slice(at + value[0].length)
}

const mutations: readonly [Mutation, ...Mutation[]] = [
  (text, random) => insert(text, below(random, text.length), oneOf(random, pieces)),
  (text, random) => {
    const [from, length] = [below(random, text.length), below(random, 12)]
    return text.slice(0, from) + oneOf(random, pieces) + text.slice(from + length)
  },
  (text, random) => insert(text, below(random, text.length), String.fromCharCode(below(random, 256))),
  (text, random) => {
    const at = below(random, text.length)
    return text.slice(0, at) + text.slice(at + 1 + below(random, 8))
  },
  (text, random) => text.slice(0, below(random, text.length)),
  (text, random) => {
    const from = below(random, text.length)
    return insert(text, below(random, text.length), text.slice(from, from + below(random, 60)))
  },
  (text, random, other) =>
    text.slice(0, below(random, text.length)) + other.slice(below(random, other.length)),
  // The head of one request with the body of another.
  (text, _random, other) => head(text) + body(other),
  changeValue,
]

/**
 * One to three changes of a valid request, and often a length that fits again, so that its body is read.
 * @param text latin-1: one character for each byte
 */
export function mutateRequest(text: string, random: Random, other: string): string {
  let mutated = text
  // Half of the requests stay JSON, so that more than the first parser sees them.
  const kinds: typeof mutations = below(random, 2) === 0 ? [changeValue] : mutations
  for (let count = 1 + below(random, 3); count > 0; count -= 1)
    mutated = oneOf(random, kinds)(mutated, random, other).slice(0, requestCharactersMax)
  return below(random, 3) === 0 ? mutated : withLength(mutated)
}

/** Where the head of a request ends; its whole length when it does not. */
function endOfHead(text: string): number {
  const at = text.indexOf('\r\n\r\n')
  return at < 0 ? text.length : at + 4
}

const head = (text: string): string => text.slice(0, endOfHead(text))
const body = (text: string): string => text.slice(endOfHead(text))

const withLength = (text: string): string =>
  head(text).replace(/content-length: \d+/i, `content-length: ${body(text).length}`) + body(text)
