import type { z } from 'zod'

type Issue = z.core.$ZodIssue

/** What is wrong with a JSON file of the user's, in a sentence that names the place: `devices[0].memory is missing`. */
export function fileIssue(issues: readonly Issue[], file: unknown): string {
  const [issue] = issues
  if (issue === undefined) return 'it has another form than it should'
  return `${placeOf(issue.path)} ${wrongWith(issue, valueAt(file, issue.path))}`
}

function placeOf(path: readonly PropertyKey[]): string {
  const words = path.map((part, index) =>
    typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`,
  )
  return words.length === 0 ? 'the file' : words.join('')
}

function valueAt(file: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[part] : undefined,
    file,
  )
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
}
const kindOf = (name: string): string => kinds[name] ?? `of the kind ${name}`

/** How zod's own messages begin; others are a schema's. */
const zodWords = /^(Too (big|small)|Invalid|Unrecognized)/

function wrongWith(issue: Issue, value: unknown): string {
  if (issue.code === 'unrecognized_keys')
    return `has ${issue.keys.map((key) => `'${key}'`).join(', ')}, which is no field of it`
  if (value === undefined) return 'is missing'
  if (!zodWords.test(issue.message)) return `is wrong: ${issue.message}`
  switch (issue.code) {
    case 'invalid_type':
      return `should be ${kindOf(issue.expected)}`
    case 'invalid_union':
      return `should be ${expectedOf(issue.errors)}`
    case 'invalid_value':
      return `should be ${issue.values.map((each) => JSON.stringify(each)).join(' or ')}`
    case 'too_small':
      return `should ${bound(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum)}`
    case 'too_big':
      return `should ${bound(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum)}`
    case 'custom':
    case 'invalid_element':
    case 'invalid_format':
    case 'invalid_key':
    case 'not_multiple_of':
      return 'has another form than it should'
  }
}

function bound(origin: string, words: string, limit: number | bigint): string {
  if (origin === 'string') return `have ${words} ${limit} characters`
  if (origin === 'array') return `have ${words} ${limit} entries`
  return `be ${words} ${limit}`
}

function expectedOf(branches: readonly (readonly Issue[])[]): string {
  const expected = branches.flatMap(([issue]) =>
    issue?.code === 'invalid_type' ? [kindOf(issue.expected)] : [],
  )
  return expected.length === 0 ? 'of another form' : [...new Set(expected)].join(' or ')
}
