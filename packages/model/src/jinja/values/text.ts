import type { Budget } from '../budget.ts'
import { Dict, isHostObject, Markup, Range, Series, Tuple, Undefined, type Value } from './values.ts'

/** Python's `str()`. */
export function textOf(value: Value, budget: Budget): string {
  if (typeof value === 'string') return value
  if (value instanceof Markup) return value.text
  return value instanceof Undefined ? '' : representationOf(value, budget)
}

/**
 * Python's `repr()`. Every piece of text is charged to the budget, since a value may contain another one many times.
 */
export function representationOf(value: Value, budget: Budget): string {
  const inner = (item: Value): string => representationOf(item, budget)
  const asked = (text: string): string => {
    budget.characters(text.length)
    return text
  }
  const all = (items: readonly Value[]): string => items.map(inner).join(', ')
  if (value === null) return asked('None')
  if (typeof value === 'boolean') return asked(value ? 'True' : 'False')
  if (typeof value === 'bigint') return asked(value.toString())
  if (typeof value === 'number') return asked(floatText(value))
  if (typeof value === 'string') return asked(quoted(value))
  if (value instanceof Markup) return asked(`Markup(${quoted(value.text)})`)
  if (value instanceof Undefined) return asked('Undefined')
  if (value instanceof Tuple)
    return asked(value.items.length === 1 ? `(${all(value.items)},)` : `(${all(value.items)})`)
  if (value instanceof Dict)
    return asked(
      `{${value
        .entries()
        .map(([key, item]) => `${inner(key)}: ${inner(item)}`)
        .join(', ')}}`,
    )
  if (value instanceof Range) {
    const step = value.step === 1n ? '' : `, ${value.step}`
    return asked(`range(${value.start}, ${value.stop}${step})`)
  }
  if (value instanceof Series)
    return asked(
      value.typeName === 'generator' ? '<generator object>' : `${value.typeName}([${all(value.items)}])`,
    )
  return isHostObject(value) ? asked(value.text) : asked(`[${all(value)}]`)
}

/** The shortest text that reads as the same float, with Python's rule of when to write an exponent. */
export function floatText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  if (Object.is(value, -0)) return '-0.0'
  const [digits = '', exponent = ''] = value.toExponential().split('e')
  const power = Number(exponent)
  if (power < -4 || power >= 16)
    return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
  const text = power < -6 ? value.toFixed(20) : String(value)
  return Number.isInteger(value) ? `${BigInt(value)}.0` : text
}

const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': String.raw`\n`,
  '\r': String.raw`\r`,
  '\t': String.raw`\t`,
}

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const inner = text.replaceAll(/[\\\p{C}\p{Zl}\p{Zp}\p{Zs}'"]/gu, (character) => {
    if (character === ' ' || (character !== quote && /['"]/.test(character))) return character
    if (character === quote) return `\\${character}`
    return escapes[character] ?? codeEscape(character.codePointAt(0) ?? 0, character)
  })
  return `${quote}${inner}${quote}`
}

/**
 * Escapes unprintable characters as Python does. The mark that breaks control tokens stays, because it is looked for in
 * the rendered prompt.
 */
function codeEscape(code: number, character: string): string {
  if (code === 0xfd_d0) return character
  if (code < 0x1_00) return `\\x${code.toString(16).padStart(2, '0')}`
  return code < 0x1_00_00
    ? `\\u${code.toString(16).padStart(4, '0')}`
    : `\\U${code.toString(16).padStart(8, '0')}`
}
