import type { Budget } from '../budget.ts'
import { fail } from '../failure.ts'
import { representationOf, textOf } from '../values/text.ts'
import { Dict, numberOf, stringOf, Tuple, typeNameOf, type Value } from '../values/values.ts'
import { formatNumber, formatText, type FormatSpec } from './spec.ts'

const directive = /%(?:\(([^)]*)\))?([-+ #0]*)(\*|\d+)?(?:\.(\*|\d+))?[hlL]?([a-zA-Z%])/g

/** Python's `format % values`. */
export function formatPercent(format: string, values: Value, budget: Budget): string {
  const list = values instanceof Tuple ? values.items : [values]
  let used = 0
  const next = (): Value =>
    used < list.length ? (list[used++] ?? null) : fail('not enough arguments for format string')
  const text = format.replaceAll(directive, (...match: string[]) => {
    const [, key, flags = '', width, precision, type = ''] = match as (string | undefined)[]
    if (type === '%') return '%'
    const size = (given: string | undefined): number | null =>
      given === undefined ? null : given === '*' ? Number(numberOf(next())) : Number(given)
    const [wide, precise] = [size(width) ?? 0, size(precision)]
    const value = key === undefined ? next() : keyed(values, key)
    const shown = formatOne(value, specOf(flags, wide, precise, type), budget)
    budget.characters(shown.length)
    return shown
  })
  if (used < list.length && !(values instanceof Dict))
    return fail('not all arguments converted during string formatting')
  return text
}

function keyed(values: Value, key: string): Value {
  if (!(values instanceof Dict)) return fail('format requires a mapping')
  const value = values.get(key)
  return value === undefined ? fail(`KeyError: '${key}'`) : value
}

function specOf(flags: string, width: number, precision: number | null, type: string): FormatSpec {
  const [left, zero] = [flags.includes('-'), flags.includes('0')]
  return {
    fill: zero && !left ? '0' : ' ',
    align: left ? '<' : zero ? '=' : '>',
    sign: flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '-',
    alternate: flags.includes('#'),
    width,
    grouping: '',
    precision,
    type,
  }
}

function formatOne(value: Value, spec: FormatSpec, budget: Budget): string {
  const { type } = spec
  const asText = (text: string): string =>
    formatText(text, { ...spec, type: 's', fill: ' ', align: spec.align === '=' ? '>' : spec.align }, budget)
  if (type === 's') return asText(textOf(value, budget))
  if (type === 'r' || type === 'a') return asText(representationOf(value, budget))
  if (type === 'c' && stringOf(value) !== undefined) return asText(stringOf(value) ?? '')
  const number = numberOf(value)
  if (number === undefined)
    return fail(`%${type} format: a real number is required, not ${typeNameOf(value)}`)
  if (/[diu]/.test(type)) {
    const whole = typeof number === 'number' ? BigInt(Math.trunc(number)) : number
    return formatNumber(whole, { ...spec, type: 'd', precision: null }, budget)
  }
  if (/[oxX]/.test(type) && typeof number !== 'bigint')
    return fail(`%${type} format: an integer is required, not float`)
  if (/[oxXc]/.test(type)) return formatNumber(number, spec, budget)
  return /[eEfFgG]/.test(type)
    ? formatNumber(Number(number), spec, budget)
    : fail(`unsupported format character '${type}'`)
}
