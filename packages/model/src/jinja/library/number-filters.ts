import { fail } from '../failure.ts'
import { fixedText } from '../format/spec.ts'
import { bind, integerOf } from '../run/calls.ts'
import type { Filter } from '../run/runtime.ts'
import { numberOf, stringOf, typeNameOf, Undefined, type Value } from '../values/values.ts'

const int: Filter = (input, call) => {
  const [otherwise = 0n, base = 10n] = bind(call, 'default', 'base')
  if (input instanceof Undefined) return fail(input.message)
  const number = numberOf(input)
  if (typeof number === 'bigint') return number
  if (number !== undefined) return Number.isFinite(number) ? BigInt(Math.trunc(number)) : otherwise
  const text = stringOf(input)
  return text === undefined ? otherwise : (integerOfText(text.trim(), Number(numberOf(base))) ?? otherwise)
}

const prefixes: Readonly<Record<number, RegExp>> = { 2: /^0b/i, 8: /^0o/i, 16: /^0x/i }
const names: Readonly<Record<number, string>> = { 2: '0b', 8: '0o', 16: '0x' }

function integerOfText(text: string, base: number): bigint | null {
  const negative = text.startsWith('-')
  const digits = text.replace(/^[-+]/, '').replace(prefixes[base] ?? /^$/, '')
  const allowed =
    base === 16 ? /^[\da-f]+$/i : base === 8 ? /^[0-7]+$/ : base === 2 ? /^[01]+$/ : /^\d+(?:_\d+)*$/
  if (allowed.test(digits) && digits.length < 1000) {
    const value = BigInt((names[base] ?? '') + digits.replaceAll('_', ''))
    return negative ? -value : value
  }
  const float = floatOfText(text)
  return float === null || !Number.isFinite(float) ? null : BigInt(Math.trunc(float))
}

function floatOfText(text: string): number | null {
  if (/^[-+]?(?:inf|infinity)$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  return /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(text) ? Number(text) : null
}

const float: Filter = (input, call) => {
  const [otherwise = 0] = bind(call, 'default')
  if (input instanceof Undefined) return fail(input.message)
  const number = numberOf(input)
  if (number !== undefined) return Number(number)
  const text = stringOf(input)
  return text === undefined ? otherwise : (floatOfText(text.trim()) ?? otherwise)
}

const round: Filter = (input, call) => {
  const [precision, method = 'common'] = bind(call, 'precision', 'method')
  const number = requiredNumber(input)
  const places = integerOf(precision, 0)
  if (method === 'common')
    return typeof number === 'bigint' ? roundedInteger(number, places) : roundedToEven(number, places)
  if (method !== 'ceil' && method !== 'floor') return fail('method must be common, ceil or floor')
  const scale = 10 ** places
  return (method === 'ceil' ? Math.ceil(Number(number) * scale) : Math.floor(Number(number) * scale)) / scale
}

function roundedInteger(value: bigint, places: number): bigint {
  if (places >= 0) return value
  const unit = 10n ** BigInt(Math.min(-places, 1000))
  const below = value / unit
  const rest = (value % unit) * 2n
  const up = rest > unit || (rest === unit && below % 2n !== 0n)
  return (below + (up ? 1n : 0n)) * unit
}

/** Python rounds the exact value of the float, and a half to the even digit. */
function roundedToEven(value: number, places: number): number {
  if (!Number.isFinite(value) || places > 15) return value
  if (places > 0) return Number(fixedText(value, places))
  const scale = 10 ** -places
  const [scaled, below] = [value / scale, Math.floor(value / scale)]
  const half = scaled - below
  const up = half > 0.5 || (half === 0.5 && below % 2 !== 0)
  return (below + (up ? 1 : 0)) * scale
}

const abs: Filter = (input) => {
  const number = requiredNumber(input)
  return number < 0 ? -number : number
}

function requiredNumber(value: Value): bigint | number {
  if (value instanceof Undefined) return fail(value.message)
  return numberOf(value) ?? fail(`a number is required, not ${typeNameOf(value)}`)
}

export const numberFilters: readonly (readonly [string, Filter])[] = [
  ['int', int],
  ['float', float],
  ['round', round],
  ['abs', abs],
]
