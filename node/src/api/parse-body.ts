import type { z } from 'zod'
import { quoted } from '@shoal/host'
import { hasOwnWords, issueWords } from '../issue-words.ts'
import { ApiError } from './errors.ts'

/** Checks a body. @throws {ApiError} 400 naming the first wrong field */
export function parseBody<Value>(schema: z.ZodType<Value>, body: unknown): Value {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  throw refusalOf(result.error.issues[0], body)
}

type Issue = z.core.$ZodIssue

function refusalOf(issue: Issue | undefined, body: unknown): ApiError {
  const { path, found } = deepest(issue, [])
  if (found?.code === 'unrecognized_keys') {
    const param = [...path, found.keys[0] ?? ''].join('.')
    return new ApiError(400, `${quoted(param)} is not supported here; docs/compatibility.md lists what is`, {
      code: 'unsupported_parameter',
      param,
    })
  }
  const param = path.join('.')
  return new ApiError(400, sentenceOf(param, found, body), {
    code: 'invalid_value',
    ...(param !== '' && { param }),
  })
}

/** A schema's own words, or plain ones in place of the library's. */
function sentenceOf(param: string, found: Issue | undefined, body: unknown): string {
  if (found === undefined) return 'not a valid request'
  if (hasOwnWords(found)) return `${param === '' ? '' : `'${param}': `}${found.message}`
  const value = param
    .split('.')
    .reduce<unknown>(
      (inner, step) =>
        typeof inner === 'object' && inner !== null && Object.hasOwn(inner, step)
          ? (inner as Record<string, unknown>)[step]
          : undefined,
      body,
    )
  return `${param === '' ? 'the body' : `'${param}'`} ${issueWords(found, param === '' ? body : value)}`
}

/** How far a value is from a form: outside of its bounds, of another type, or not the one value that a literal takes. */
function distance(found: Issue | undefined): number {
  if (found?.code === 'invalid_value' && found.values.length === 1) return 2
  return found?.code === 'invalid_type' ? 1 : 0
}

/** Of the forms that a value may have, the one that it came closest to says best what is wrong. */
function deepest(
  issue: Issue | undefined,
  above: readonly string[],
): { path: string[]; found: Issue | undefined } {
  const path = [...above, ...(issue?.path ?? []).map(String)]
  if (issue?.code !== 'invalid_union' || issue.errors.length === 0) return { path, found: issue }
  const forms = issue.errors.map((issues) => deepest(issues[0], path))
  const [best] = forms.toSorted(
    (a, b) => b.path.length - a.path.length || distance(a.found) - distance(b.found),
  )
  return best ?? { path, found: issue }
}
