import { annotations } from './keywords.ts'
import { refused } from './schema-error.ts'
import { canonical, equalJson, isFields, type Fields, type Schema } from './schema-types.ts'
import type { SchemaWork } from './schema-work.ts'

/** Merges schemas inside of two schemas. */
type MergeInner = (some: unknown, other: unknown) => Schema

const larger: ReadonlySet<string> = new Set(['minItems', 'minLength', 'minimum', 'exclusiveMinimum'])
const smaller: ReadonlySet<string> = new Set(['maxItems', 'maxLength', 'maximum', 'exclusiveMaximum'])

/**
 * The schema of the values that both accept.
 * @param inner for schemas of members and items
 * @throws {ModelError} `bad-request` where two keywords cannot be merged into one
 */
export function merge(
  first: Fields,
  second: Fields,
  path: string,
  inner: MergeInner,
  work: SchemaWork,
): Schema {
  const [some, other] = [withNullType(first), withNullType(second)]
  work.spend(4 * (sizeOf(some) + sizeOf(other)))
  const merged: Record<string, unknown> = { ...some, ...mergedMembers(some, other, inner) }
  for (const [keyword, value] of Object.entries(other)) {
    const own = some[keyword]
    if (keyword === 'properties' || keyword === 'additionalProperties') continue
    if (own === undefined) merged[keyword] = value
    else if (annotations.has(keyword) || equalJson(own, value, work)) continue
    else if (keyword === 'type') {
      const types = bothTypes(own, value)
      if (types.length === 0) return false
      merged[keyword] = types
    } else if (keyword === 'required')
      merged[keyword] = [...new Set([...(own as unknown[]), ...(value as unknown[])])]
    else if (keyword === 'enum') {
      const known = new Set((value as unknown[]).map((each) => canonical(each, work)))
      merged[keyword] = (own as unknown[]).filter((each) => known.has(canonical(each, work)))
    } else if (keyword === 'const') return false
    else if (keyword === 'items') merged[keyword] = inner(own, value)
    else if (larger.has(keyword)) merged[keyword] = Math.max(Number(own), Number(value))
    else if (smaller.has(keyword)) merged[keyword] = Math.min(Number(own), Number(value))
    else throw refused(path, keyword, 'has different values in two schemas that must both be valid')
  }
  if ((some['prefixItems'] === undefined) !== (other['prefixItems'] === undefined))
    if (some['items'] !== undefined || other['items'] !== undefined)
      throw refused(path, 'prefixItems', "cannot be merged with 'items' of another schema")
  return merged
}

/** `nullable` (OpenAPI 3.0) widens the type beside it: both accept null only where both types have it. */
function withNullType({ nullable, ...keywords }: Fields): Fields {
  const { type } = keywords
  return nullable === true && type !== undefined
    ? { ...keywords, type: [...new Set([type, 'null'].flat())] }
    : keywords
}

/** Members that a merge copies. */
const sizeOf = ({ properties, required, ...keywords }: Fields): number =>
  1 +
  Object.keys(keywords).length +
  (isFields(properties) ? Object.keys(properties).length : 0) +
  (Array.isArray(required) ? required.length : 0)

/** A member that one of the schemas does not name is governed by its `additionalProperties`. */
function mergedMembers(some: Fields, other: Fields, inner: MergeInner): Record<string, unknown> {
  const ofOne = (schema: Fields): Fields => (isFields(schema['properties']) ? schema['properties'] : {})
  const [own, others] = [ofOne(some), ofOne(other)]
  const schemaOf = (schema: Fields, name: string): unknown =>
    Object.hasOwn(ofOne(schema), name) ? ofOne(schema)[name] : (schema['additionalProperties'] ?? true)
  const names = [...new Set([...Object.keys(own), ...Object.keys(others)])]
  const [ownOthers, otherOthers] = [some['additionalProperties'], other['additionalProperties']]
  return {
    ...(names.length > 0 && {
      properties: Object.fromEntries(
        names.map((name) => [name, inner(schemaOf(some, name), schemaOf(other, name))]),
      ),
    }),
    ...((ownOthers !== undefined || otherOthers !== undefined) && {
      additionalProperties: inner(ownOthers ?? true, otherOthers ?? true),
    }),
  }
}

function bothTypes(some: unknown, other: unknown): string[] {
  const list = (value: unknown): string[] => (Array.isArray(value) ? (value as string[]) : [String(value)])
  const [own, others] = [list(some), list(other)]
  const has = (types: readonly string[], type: string): boolean =>
    types.includes(type) || (type === 'integer' && types.includes('number'))
  return [
    ...new Set([...own.filter((type) => has(others, type)), ...others.filter((type) => has(own, type))]),
  ]
}
