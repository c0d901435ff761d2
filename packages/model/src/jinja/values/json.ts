import type { Budget } from '../budget.ts'
import { fail } from '../failure.ts'
import { controlBreaker } from '../../tokenizer/control-text.ts'
import { compareValues } from './compare.ts'
import { floatText } from './text.ts'
import { Dict, stringOf, Tuple, typeNameOf, type Value } from './values.ts'

export interface JsonForm {
  readonly asciiOnly: boolean
  /** One level of indentation, or null for one line. */
  readonly indent: string | null
  readonly itemSeparator: string
  readonly keySeparator: string
  readonly sortKeys: boolean
}

/** Python's `json.dumps`. */
export function jsonText(value: Value, form: JsonForm, budget: Budget, indentation = ''): string {
  const scalar = scalarText(value, form)
  if (scalar !== null) {
    budget.characters(scalar.length)
    return scalar
  }
  const deeper = form.indent === null ? '' : indentation + form.indent
  const wrapped = (open: string, items: readonly string[], close: string): string => {
    if (items.length === 0) return open + close
    const [before, after] = form.indent === null ? ['', ''] : [`\n${deeper}`, `\n${indentation}`]
    budget.characters(items.reduce((sum, item) => sum + item.length + before.length + 2, after.length + 2))
    return open + before + items.join(form.itemSeparator + before) + after + close
  }
  const inner = (item: Value): string => jsonText(item, form, budget, deeper)
  if (Array.isArray(value)) return wrapped('[', (value as readonly Value[]).map(inner), ']')
  if (value instanceof Tuple) return wrapped('[', value.items.map(inner), ']')
  if (!(value instanceof Dict)) return fail(`Object of type ${typeNameOf(value)} is not JSON serializable`)
  const entries = value.entries()
  if (form.sortKeys) entries.sort(([one], [other]) => compareValues(one, other))
  return wrapped(
    '{',
    entries.map(([key, item]) => jsonString(keyText(key, form), form) + form.keySeparator + inner(item)),
    '}',
  )
}

function scalarText(value: Value, form: JsonForm): string | null {
  if (value === null) return 'null'
  if (typeof value === 'boolean' || typeof value === 'bigint') return value.toString()
  if (typeof value === 'number') return jsonNumber(value)
  const text = stringOf(value)
  return text === undefined ? null : jsonString(text, form)
}

function jsonNumber(value: number): string {
  if (Number.isFinite(value)) return floatText(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
}

function keyText(key: Value, form: JsonForm): string {
  const text = stringOf(key)
  if (text !== undefined) return text
  return key instanceof Tuple
    ? fail('keys must be str, int, float, bool or None, not tuple')
    : (scalarText(key, form) ?? fail('a key is not a text'))
}

const short: Readonly<Record<string, string>> = {
  '"': String.raw`\"`,
  '\\': '\\\\',
  '\n': String.raw`\n`,
  '\r': String.raw`\r`,
  '\t': String.raw`\t`,
  '\b': String.raw`\b`,
  '\f': String.raw`\f`,
}

const escaped = new RegExp(String.raw`["\\\u0000-\u001f]`, 'g')
const escapedInAscii = new RegExp(String.raw`["\\\u0000-\u001f\u007f-\uffff]`, 'g')

/**
 * Keeps the mark that breaks control tokens as it is: the mark is not part of the text, and is looked for in the
 * rendered prompt.
 */
function jsonString(text: string, { asciiOnly }: JsonForm): string {
  const body = text.replaceAll(asciiOnly ? escapedInAscii : escaped, (unit) =>
    unit === controlBreaker || unit === '\u007F'
      ? unit
      : (short[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  )
  return `"${body}"`
}
