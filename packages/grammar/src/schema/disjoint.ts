import { equalJson, isFields, type Fields, type Schema } from './schema-types.ts'

/**
 * Whether certainly no value is valid for both: because of their types, their lists of values, or a required member whose
 * schemas are disjoint. False where this cannot be decided.
 * @param plain resolves references
 */
export function areDisjoint(some: Schema, other: Schema, plain: (schema: unknown) => Schema): boolean {
  if (some === false || other === false) return true
  if (some === true || other === true) return false
  const [values, others] = [valuesOf(some), valuesOf(other)]
  if (values !== null && others !== null)
    return !values.some((value) => others.some((each) => equalJson(value, each)))
  const [types, otherTypes] = [typesOf(some), typesOf(other)]
  if (types === null || otherTypes === null) return false
  if (!types.some((type) => otherTypes.includes(type))) return true
  const shared = types.filter((type) => otherTypes.includes(type))
  return shared.every((type) => type === 'object') && membersDiffer(some, other, plain)
}

function membersDiffer(some: Fields, other: Fields, plain: (schema: unknown) => Schema): boolean {
  const [own, others] = [some['properties'], other['properties']]
  const names = [some['required'], other['required']].flatMap((list) => (Array.isArray(list) ? list : []))
  return names.some((name: unknown) => {
    if (typeof name !== 'string') return false
    const member = (schema: Fields, properties: unknown): Schema =>
      isFields(properties) && Object.hasOwn(properties, name)
        ? plain(properties[name])
        : schema['additionalProperties'] !== false
    return areDisjoint(member(some, own), member(other, others), plain)
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
