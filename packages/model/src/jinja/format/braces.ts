import type { Budget } from '../budget.ts'
import { fail } from '../failure.ts'
import { representationOf, textOf } from '../values/text.ts'
import { numberOf, stringOf, Undefined, type Call, type Value } from '../values/values.ts'
import { formatNumber, formatText, parseSpec } from './spec.ts'

/** How templates read attributes and items. */
export interface Access {
  attribute(object: Value, name: string): Value
  item(object: Value, key: Value): Value
}

/** Fields in the specification of a field: Python allows one level. */
const nestingMax = 2

/** Python's `str.format`, with the attributes that templates may see. */
export function formatBraces(format: string, call: Call, budget: Budget, access: Access): string {
  let automatic = 0
  const field = (text: string, depth: number): string => {
    const match = /^([^!:[.]*)((?:\.[^.[!:]+|\[[^\]]*\])*)(?:!([rsa]))?(?::([^]*))?$/.exec(text)
    if (match === null) return fail('invalid format string')
    const [, name = '', path = '', conversion, spec = ''] = match
    const key = name === '' && path === '' ? String(automatic++) : name
    const value = followed(argument(call, key), path, access)
    if (value instanceof Undefined && path !== '') return fail(value.message)
    const filled = spec.includes('{') ? fill(spec, depth + 1) : spec
    const shown = formatField(
      conversion === undefined ? value : converted(value, conversion, budget),
      filled,
      budget,
    )
    budget.characters(shown.length)
    return shown
  }
  const fill = (text: string, depth: number): string => {
    if (depth >= nestingMax) return fail('Max string recursion exceeded')
    return text.replaceAll(
      /\{\{|\}\}|\{((?:[^{}]|\{[^{}]*\})*)\}|[{}]/g,
      (whole: string, inner: string | undefined) => {
        if (whole === '{{' || whole === '}}') return whole.slice(1)
        return inner === undefined
          ? fail(`Single '${whole}' encountered in format string`)
          : field(inner, depth)
      },
    )
  }
  return fill(format, 0)
}

function argument({ positional, named }: Call, key: string): Value {
  const value = /^\d+$/.test(key) ? positional[Number(key)] : named.get(key)
  return value === undefined ? fail(`the format string names '${key}', which is not given`) : value
}

function followed(start: Value, path: string, access: Access): Value {
  let value = start
  for (const [step] of path.matchAll(/\.[^.[]+|\[[^\]]*\]/g)) {
    const name = step.startsWith('.') ? step.slice(1) : step.slice(1, -1)
    if (step.startsWith('.')) value = access.attribute(value, name)
    else value = access.item(value, /^\d+$/.test(name) ? BigInt(name) : name)
  }
  return value
}

function converted(value: Value, conversion: string, budget: Budget): string {
  return conversion === 's' ? textOf(value, budget) : representationOf(value, budget)
}

function formatField(value: Value, specification: string, budget: Budget): string {
  if (specification === '') return textOf(value, budget)
  const spec = parseSpec(specification)
  const text = stringOf(value)
  const number = numberOf(value)
  if (text !== undefined) return formatText(text, spec, budget)
  return number === undefined ? fail('unsupported format string') : formatNumber(number, spec, budget)
}
