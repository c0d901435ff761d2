import { fail } from '../failure.ts'
import {
  Dict,
  numberOf,
  Range,
  Series,
  stringOf,
  Tuple,
  typeNameOf,
  Undefined,
  type Value,
} from './values.ts'

/** Python's truth of a value. */
export function isTrue(value: Value): boolean {
  const text = stringOf(value)
  if (text !== undefined) return text !== ''
  const number = numberOf(value)
  if (number !== undefined) return number !== 0n && number !== 0
  if (value === null || value instanceof Undefined) return false
  if (value instanceof Tuple || value instanceof Range) return value.items.length > 0
  if (value instanceof Series) return value.typeName === 'generator' || value.items.length > 0
  if (value instanceof Dict) return value.size > 0
  return !Array.isArray(value) || value.length > 0
}

/** Python's `==`. */
export function areEqual(one: Value, other: Value): boolean {
  const [text, otherText] = [stringOf(one), stringOf(other)]
  if (text !== undefined || otherText !== undefined) return text === otherText
  const [number, otherNumber] = [numberOf(one), numberOf(other)]
  // An int and a float are equal when they are the same number, which `==` compares without rounding.
  // oxlint-disable-next-line eqeqeq
  if (number !== undefined && otherNumber !== undefined) return number == otherNumber
  if (Array.isArray(one) && Array.isArray(other))
    return areAllEqual(one as readonly Value[], other as readonly Value[])
  if (one instanceof Tuple && other instanceof Tuple) return areAllEqual(one.items, other.items)
  if (one instanceof Range && other instanceof Range) return areAllEqual(one.items, other.items)
  if (one instanceof Undefined && other instanceof Undefined) return true
  if (one instanceof Dict && other instanceof Dict) {
    return (
      one.size === other.size &&
      one.entries().every(([key, value]) => {
        const otherValue = other.get(key)
        return otherValue !== undefined && areEqual(value, otherValue)
      })
    )
  }
  return one === other
}

function areAllEqual(one: readonly Value[], other: readonly Value[]): boolean {
  return one.length === other.length && one.every((item, index) => areEqual(item, other[index] ?? null))
}

/**
 * The order of two values: negative, zero or positive.
 * @throws {TemplateFailure} for values that Python does not order
 */
export function compareValues(one: Value, other: Value): number {
  const [text, otherText] = [stringOf(one), stringOf(other)]
  if (text !== undefined && otherText !== undefined) return compareTexts(text, otherText)
  const [number, otherNumber] = [numberOf(one), numberOf(other)]
  if (number !== undefined && otherNumber !== undefined)
    return number < otherNumber ? -1 : number > otherNumber ? 1 : 0
  if (Array.isArray(one) && Array.isArray(other))
    return compareLists(one as readonly Value[], other as readonly Value[])
  if (one instanceof Tuple && other instanceof Tuple) return compareLists(one.items, other.items)
  if (one instanceof Undefined) return fail(one.message)
  if (other instanceof Undefined) return fail(other.message)
  return fail(`'<' not supported between instances of '${typeNameOf(one)}' and '${typeNameOf(other)}'`)
}

function compareLists(one: readonly Value[], other: readonly Value[]): number {
  for (let index = 0; index < Math.min(one.length, other.length); index++) {
    const [item, otherItem] = [one[index] ?? null, other[index] ?? null]
    if (!areEqual(item, otherItem)) return compareValues(item, otherItem)
  }
  return one.length - other.length
}

/** By code points: UTF-16 orders characters beyond U+FFFF before some that have less. */
function compareTexts(one: string, other: string): number {
  if (one === other) return 0
  let index = 0
  while (index < one.length && one.charCodeAt(index) === other.charCodeAt(index)) index++
  const [unit, otherUnit] = [one.charCodeAt(index), other.charCodeAt(index)]
  if (Number.isNaN(unit)) return -1
  if (Number.isNaN(otherUnit)) return 1
  const surrogate = (code: number): boolean => code >= 0xd8_00 && code <= 0xdf_ff
  if (surrogate(unit) !== surrogate(otherUnit)) return surrogate(unit) ? 1 : -1
  return unit - otherUnit
}
