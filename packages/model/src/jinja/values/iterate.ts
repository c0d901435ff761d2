import { fail } from '../failure.ts'
import { charactersOf, lengthOf } from './characters.ts'
import {
  Dict,
  isHostObject,
  Range,
  Series,
  stringOf,
  Tuple,
  typeNameOf,
  Undefined,
  type Value,
} from './values.ts'

/** The items that Python iterates over, or null for what cannot be iterated. */
export function itemsOf(value: Value): readonly Value[] | null {
  const text = stringOf(value)
  if (text !== undefined) return charactersOf(text)
  if (value instanceof Undefined) return []
  if (value instanceof Dict) return value.keys()
  if (value instanceof Tuple || value instanceof Series || value instanceof Range) return value.items
  return Array.isArray(value) ? (value as readonly Value[]) : null
}

/** @throws {TemplateFailure} for what cannot be iterated */
export function iterate(value: Value): readonly Value[] {
  return itemsOf(value) ?? fail(`'${typeNameOf(value)}' object is not iterable`)
}

/** Python's `len()`. */
export function sizeOf(value: Value): number {
  const text = stringOf(value)
  if (text !== undefined) return lengthOf(text)
  if (value instanceof Dict) return value.size
  const items = value instanceof Series && value.typeName === 'generator' ? null : itemsOf(value)
  return items?.length ?? fail(`object of type '${typeNameOf(value)}' has no len()`)
}

/** A list, tuple, text or range: what an index reaches. */
export function isSequence(value: Value): boolean {
  if (
    stringOf(value) !== undefined ||
    value instanceof Tuple ||
    value instanceof Range ||
    value instanceof Dict
  )
    return true
  return Array.isArray(value) || value instanceof Undefined
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

/** Values of JSON as values of templates: a whole number is an int. */
export function valueOfJson(json: unknown): Value {
  if (json === null || typeof json === 'boolean' || typeof json === 'string') return json
  if (typeof json === 'number') return Number.isSafeInteger(json) ? BigInt(json) : json
  if (Array.isArray(json)) return (json as unknown[]).map(valueOfJson)
  if (typeof json !== 'object') return new Undefined('a value is undefined')
  if (isHostObject(json as Value)) return json as Value
  return Dict.of(
    Object.entries(json)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]): [string, Value] => [key, valueOfJson(value)]),
  )
}
