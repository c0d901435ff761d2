import { grammarLimits } from '../limits.ts'
import { canonical, isFields, type Fields, type Schema } from './schema-types.ts'
import type { SchemaWork } from './schema-work.ts'

export interface DisjointReader {
  readonly work: SchemaWork
  /** Resolves references. */
  plain(schema: unknown): Schema
}

/**
 * Whether certainly no value is valid for both: because of their types, their lists of values, or a required member whose
 * schemas are disjoint. False where this cannot be decided.
 */
export function areDisjoint(some: Schema, other: Schema, reader: DisjointReader, depth = 0): boolean {
  reader.work.spend(1)
  // Not plain, then: schemas that contain each other have no end.
  if (depth > grammarLimits.schemaDepthMax) return false
  if (some === false || other === false) return true
  if (some === true || other === true) return false
  const [values, others] = [valuesOf(some), valuesOf(other)]
  if (values !== null && others !== null) {
    const known = new Set(others.map((value) => canonical(value, reader.work)))
    return !values.some((value) => known.has(canonical(value, reader.work)))
  }
  const [types, otherTypes] = [typesOf(some), typesOf(other)]
  if (types === null || otherTypes === null) return false
  if (!types.some((type) => otherTypes.includes(type))) return true
  const shared = types.filter((type) => otherTypes.includes(type))
  return shared.every((type) => type === 'object') && membersDiffer(some, other, reader, depth)
}

function membersDiffer(some: Fields, other: Fields, reader: DisjointReader, depth: number): boolean {
  const [own, others] = [some['properties'], other['properties']]
  const names = [some['required'], other['required']].flatMap((list) => (Array.isArray(list) ? list : []))
  return [...new Set<unknown>(names)].some((name) => {
    if (typeof name !== 'string') return false
    const member = (schema: Fields, properties: unknown): Schema =>
      isFields(properties) && Object.hasOwn(properties, name)
        ? reader.plain(properties[name])
        : schema['additionalProperties'] !== false
    return areDisjoint(member(some, own), member(other, others), reader, depth + 1)
  })
}

function valuesOf(schema: Fields): readonly unknown[] | null {
  if (schema['const'] !== undefined) return [schema['const']]
  return Array.isArray(schema['enum']) ? (schema['enum'] as unknown[]) : null
}

/** The JSON types that the schema may accept; null for all types. `integer` counts as `number`. */
function typesOf(schema: Fields): readonly string[] | null {
  const values = valuesOf(schema)
  if (values !== null) return values.map(typeOf)
  const { type } = schema
  if (type === undefined) return null
  const types = (Array.isArray(type) ? (type as unknown[]) : [type]).map((each) =>
    each === 'integer' ? 'number' : String(each),
  )
  return schema['nullable'] === true ? [...types, 'null'] : types
}

export function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}
