import type { z } from 'zod'
import { quoted } from '@shoal/host'
import { ApiError } from './errors.ts'

/** Checks a body. @throws {ApiError} 400 naming the first wrong field */
export function parseBody<Value>(schema: z.ZodType<Value>, body: unknown): Value {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  throw refusalOf(result.error.issues[0])
}

type Issue = z.core.$ZodIssue

function refusalOf(issue: Issue | undefined): ApiError {
  const { path, found } = deepest(issue, [])
  if (found?.code === 'unrecognized_keys') {
    const param = [...path, found.keys[0] ?? ''].join('.')
    return new ApiError(400, `${quoted(param)} is not supported here; docs/compatibility.md lists what is`, {
      code: 'unsupported_parameter',
      param,
    })
  }
  const param = path.join('.')
  const where = param === '' ? '' : `'${param}': `
  return new ApiError(400, `${where}${found?.message ?? 'not a valid request'}`, {
    code: 'invalid_value',
    ...(param !== '' && { param }),
  })
}

/** Of the forms that a value may have, the one that it came closest to says best what is wrong. */
function deepest(
  issue: Issue | undefined,
  above: readonly string[],
): { path: string[]; found: Issue | undefined } {
  const path = [...above, ...(issue?.path ?? []).map(String)]
  if (issue?.code !== 'invalid_union' || issue.errors.length === 0) return { path, found: issue }
  const forms = issue.errors.map((issues) => deepest(issues[0], path))
  const wrongType = (found: Issue | undefined): boolean => found?.code === 'invalid_type'
  const [best] = forms.toSorted(
    (a, b) => b.path.length - a.path.length || Number(wrongType(a.found)) - Number(wrongType(b.found)),
  )
  return best ?? { path, found: issue }
}
