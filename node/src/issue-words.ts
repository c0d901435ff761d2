import type { z } from 'zod'

type Issue = z.core.$ZodIssue

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

/** Whether a schema's own sentence says what is wrong. */
export const hasOwnWords = ({ message }: Issue): boolean => !zodWords.test(message)

/** What is wrong with a value, as the rest of a sentence that its name begins: `should be a whole number`. */
export function issueWords(issue: Issue, value: unknown): string {
  if (issue.code === 'unrecognized_keys')
    return `has ${issue.keys.map((key) => `'${key}'`).join(', ')}, which is no field of it`
  if (value === undefined) return 'is missing'
  if (hasOwnWords(issue)) return `is wrong: ${issue.message}`
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
    case 'invalid_key':
      return issue.issues[0] === undefined
        ? 'has another form than it should'
        : `has a name that is wrong: ${issue.issues[0].message}`
    case 'custom':
    case 'invalid_element':
    case 'invalid_format':
    case 'not_multiple_of':
      return 'has another form than it should'
  }
}

function bound(origin: string, words: string, limit: number | bigint): string {
  const one = Number(limit) === 1
  if (origin === 'string') return `have ${words} ${limit} ${one ? 'character' : 'characters'}`
  if (origin === 'array') return `have ${words} ${limit} ${one ? 'entry' : 'entries'}`
  return `be ${words} ${limit}`
}

function expectedOf(branches: readonly (readonly Issue[])[]): string {
  const expected = branches.flatMap(([issue]) =>
    issue?.code === 'invalid_type' ? [kindOf(issue.expected)] : [],
  )
  return expected.length === 0 ? 'of another form' : [...new Set(expected)].join(' or ')
}
