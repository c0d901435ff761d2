import type { Budget } from '../budget.ts'
import { fail } from '../failure.ts'
import { lengthOf } from '../values/characters.ts'
import { floatText } from '../values/text.ts'

/** A format specification of Python, `[[fill]align][sign][#][0][width][,][.precision][type]`. */
export interface FormatSpec {
  readonly fill: string
  readonly align: string
  readonly sign: string
  readonly alternate: boolean
  readonly width: number
  readonly grouping: string
  readonly precision: number | null
  readonly type: string
}

const pattern = /^(?:(.)?([<>=^]))?([-+ ])?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/su

export function parseSpec(text: string): FormatSpec {
  const match = pattern.exec(text) ?? fail('Invalid format specifier')
  const [, fill, align, sign = '-', alternate, zero, width = '0', grouping = '', precision, type = ''] = match
  return {
    fill: fill ?? (zero === undefined ? ' ' : '0'),
    align: align ?? (zero === undefined ? '' : '='),
    sign,
    alternate: alternate !== undefined,
    width: Number(width),
    grouping,
    precision: precision === undefined ? null : Number(precision),
    type,
  }
}

export function formatText(text: string, spec: FormatSpec, budget: Budget): string {
  if (spec.type !== '' && spec.type !== 's')
    return fail(`Unknown format code '${spec.type}' for object of type 'str'`)
  const shown = spec.precision === null ? text : Array.from(text).slice(0, spec.precision).join('')
  return padded('', shown, { ...spec, align: spec.align === '' ? '<' : spec.align }, budget)
}

export function formatNumber(value: bigint | number, spec: FormatSpec, budget: Budget): string {
  const negative = value < 0 || Object.is(value, -0)
  const sign = negative ? '-' : spec.sign === '-' ? '' : spec.sign
  const digits =
    typeof value === 'bigint'
      ? integerDigits(value < 0n ? -value : value, spec)
      : floatDigits(Math.abs(value), spec)
  return padded(
    sign,
    grouped(digits, spec.grouping),
    { ...spec, align: spec.align === '' ? '>' : spec.align },
    budget,
  )
}

const bases: Readonly<Record<string, readonly [radix: number, prefix: string]>> = {
  b: [2, '0b'],
  o: [8, '0o'],
  x: [16, '0x'],
  X: [16, '0X'],
}

function integerDigits(value: bigint, spec: FormatSpec): string {
  if (/^[eEfFgG%]$/.test(spec.type)) return floatDigits(Number(value), spec)
  if (spec.type === 'c') return String.fromCodePoint(Number(value))
  const base = bases[spec.type]
  if (base === undefined) return value.toString()
  const text = value.toString(base[0])
  return (spec.alternate ? base[1] : '') + (spec.type === 'X' ? text.toUpperCase() : text)
}

/** Most digits behind the point, as in JavaScript. Python allows more, but no template asks for more. */
const precisionMax = 100

function floatDigits(value: number, { type, precision }: FormatSpec): string {
  const places = Math.min(precision ?? 6, precisionMax)
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : 'inf'
  if (type === '') return precision === null ? floatText(value) : general(value, Math.max(1, places))
  if (type === 'f' || type === 'F') return fixedText(value, places)
  if (type === '%') return `${fixedText(value * 100, places)}%`
  const text =
    type === 'e' || type === 'E'
      ? exponential(value.toExponential(places))
      : general(value, Math.max(1, places))
  return /[EG]/.test(type) ? text.toUpperCase() : text
}

/**
 * Digits with which a float is checked for lying exactly between two shorter texts: it does only when its last digit is
 * a 5.
 */
const tieDigits = 40

/** Python's `format(value, '.nf')`: a value between two texts takes the even one, where `toFixed` takes the larger. */
export function fixedText(value: number, places: number): string {
  const text = value.toFixed(places)
  const exact = value.toFixed(Math.min(places + tieDigits, precisionMax))
  const short = exact.slice(0, exact.indexOf('.') + 1 + places)
  const isTie = /^\.?50*$/.test(exact.slice(short.length))
  return isTie && /[02468]\.?$/.test(short) ? short.replace(/\.$/, '') : text
}

/** Python's exponents have two digits at least. */
function exponential(text: string): string {
  return text.replace(/e([-+])(\d)$/, 'e$10$2')
}

function general(value: number, digits: number): string {
  const [mantissa = '', exponent = '0'] = value.toExponential(digits - 1).split('e')
  const power = Number(exponent)
  const trimmed = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text)
  if (power < -4 || power >= digits)
    return exponential(`${trimmed(mantissa)}e${power < 0 ? '-' : '+'}${Math.abs(power)}`)
  return trimmed(fixedText(value, Math.max(0, digits - 1 - power)))
}

function grouped(digits: string, separator: string): string {
  if (separator === '') return digits
  const [whole = '', ...rest] = digits.split('.')
  return [whole.replaceAll(/\B(?=(\d{3})+$)/g, separator), ...rest].join('.')
}

function padded(sign: string, text: string, { fill, align, width }: FormatSpec, budget: Budget): string {
  const missing = width - lengthOf(text) - sign.length
  if (missing <= 0) return sign + text
  budget.characters(width * fill.length)
  if (align === '=') return sign + fill.repeat(missing) + text
  if (align === '<') return sign + text + fill.repeat(missing)
  if (align === '>') return fill.repeat(missing) + sign + text
  const before = Math.floor(missing / 2)
  return fill.repeat(before) + sign + text + fill.repeat(missing - before)
}
