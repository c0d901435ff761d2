import { refused } from './schema-error.ts'
import type { Fields } from './schema-types.ts'

/** Keywords that do not change which values are valid. */
export const annotations: ReadonlySet<string> = new Set([
  '$comment',
  '$schema',
  '$defs',
  'definitions',
  'title',
  'description',
  'default',
  'deprecated',
  'example',
  'examples',
  'readOnly',
  'writeOnly',
])

const kept: ReadonlySet<string> = new Set([
  'type',
  'nullable',
  'enum',
  'const',
  'anyOf',
  'oneOf',
  'allOf',
  '$ref',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'prefixItems',
  'minItems',
  'maxItems',
  'minLength',
  'maxLength',
  'pattern',
  'format',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
])

/** @throws {ModelError} `bad-request` for a keyword that no grammar can express */
export function checkKeywords(schema: Fields, path: string): void {
  for (const [keyword, value] of Object.entries(schema)) {
    if (kept.has(keyword) || annotations.has(keyword)) continue
    // Written out by generators of schemas; with these values they forbid nothing.
    if (keyword === 'uniqueItems' && value === false) continue
    if (keyword === '$id' && path === '') continue
    throw refused(path, keyword, 'is not supported')
  }
}

/** The keywords of a schema that restrict values. */
export const assertions = (schema: Fields): string[] =>
  Object.keys(schema).filter((keyword) => kept.has(keyword))

/** @throws {ModelError} `bad-request` unless the keyword is a whole number of at most `most` */
export function countOf(schema: Fields, keyword: string, path: string, most: number): number | null {
  const value = schema[keyword]
  if (value === undefined) return null
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw refused(path, keyword, 'must be a whole number')
  if (value > most) throw refused(path, keyword, `may be ${most} at most`)
  return value
}
