import { characters, choice, repeat, sequence, text, type Expression } from '../expression.ts'
import { integersBetween } from './integers.ts'
import { anyInteger, anyNumber } from './json-text.ts'
import { refused } from './schema-error.ts'
import type { Fields, Made } from './schema-types.ts'

/** Digits that every double represents exactly. */
const digitsMax = 15
const largest = 10n ** BigInt(digitsMax) - 1n

interface Bound {
  readonly value: number
  readonly exclusive: boolean
}

/** @param whole integers only */
export function numbersOf(schema: Fields, path: string, whole: boolean): Made {
  const lower = boundOf(schema, path, 'minimum', 'exclusiveMinimum', (a, b) => a > b)
  const upper = boundOf(schema, path, 'maximum', 'exclusiveMaximum', (a, b) => a < b)
  if (lower === null && upper === null) return whole ? anyInteger : anyNumber
  if (whole) {
    const [least, most] = [leastOf(lower), mostOf(upper)]
    return least > most ? null : integersBetween(least, most)
  }
  const options = [
    ...nonNegative(lower, upper),
    ...nonNegative(mirrored(upper), mirrored(lower)).map(negative),
  ]
  if (options.length === 0)
    throw refused(
      path,
      lower === null ? 'maximum' : 'minimum',
      'leaves no whole number within the bounds; other numbers cannot be bounded',
    )
  return choice(...options)
}

function boundOf(
  schema: Fields,
  path: string,
  inclusive: string,
  exclusive: string,
  tighter: (some: number, other: number) => boolean,
): Bound | null {
  for (const keyword of [inclusive, exclusive]) {
    const value = schema[keyword]
    if (value !== undefined && (typeof value !== 'number' || Math.abs(value) > Number(largest)))
      throw refused(path, keyword, `must be a number of at most ${digitsMax} digits`)
  }
  const [plain, strict] = [schema[inclusive] as number | undefined, schema[exclusive] as number | undefined]
  if (strict !== undefined && (plain === undefined || !tighter(plain, strict)))
    return { value: strict, exclusive: true }
  return plain === undefined ? null : { value: plain, exclusive: false }
}

function leastOf(bound: Bound | null): bigint {
  if (bound === null) return -largest
  const least = BigInt(Math.ceil(bound.value))
  return bound.exclusive && Number.isInteger(bound.value) ? least + 1n : least
}

const mostOf = (bound: Bound | null): bigint => -leastOf(mirrored(bound))

const mirrored = (bound: Bound | null): Bound | null =>
  bound === null ? null : { value: -bound.value, exclusive: bound.exclusive }

const negative = (expression: Expression): Expression => sequence(text('-'), expression)

/**
 * Numbers from 0 on: whole numbers within the bounds, and fractions after those whose next whole number is within the
 * bounds, too. The number of digits is limited so that no fraction is rounded to the next whole number.
 */
function nonNegative(lower: Bound | null, upper: Bound | null): Expression[] {
  const least = leastOf(lower) < 0n ? 0n : leastOf(lower)
  const most = mostOf(upper)
  if (least > most) return []
  const whole = integersBetween(least, most)
  const below = upper === null ? most : BigInt(Math.floor(upper.value)) - 1n
  if (least > below) return [whole]
  // Without an upper bound, large numbers have a few digits less, so that small ones may have fractions.
  const end = upper === null && least < 10n ** 9n ? 10n ** 9n : below
  const digits = digitsMax - String(end).length
  if (digits < 1) return [whole]
  const fraction = sequence(text('.'), repeat(characters([0x30, 0x39]), 1, digits))
  return [whole, sequence(integersBetween(least, end), fraction)]
}
