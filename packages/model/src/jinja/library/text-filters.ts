import { fail } from '../failure.ts'
import { formatPercent } from '../format/percent.ts'
import { bind, integerOf } from '../run/calls.ts'
import type { Filter, Runtime } from '../run/runtime.ts'
import { charactersOf, lengthOf, linesOf, stripped } from '../values/characters.ts'
import { isTrue } from '../values/compare.ts'
import { textOf } from '../values/text.ts'
import { Dict, Markup, Tuple, Undefined, type Value } from '../values/values.ts'
import { capitalized } from './string-cases.ts'
import { replaced, requiredText } from './texts.ts'

/** Makes a filter that works on the text of any value. Text that was marked as safe stays marked. */
const ofText =
  (change: (text: string) => string): Filter =>
  (input, _call, { budget }) => {
    const text = change(textOf(input, budget))
    budget.characters(text.length)
    return input instanceof Markup ? new Markup(text) : text
  }

const defaultTo: Filter = (input, call) => {
  const [otherwise = '', falseToo = false] = bind(call, 'default_value', 'boolean')
  return input instanceof Undefined || (isTrue(falseToo) && !isTrue(input)) ? otherwise : input
}

const trim: Filter = (input, call, runtime) => {
  const [characters = null] = bind(call, 'chars')
  const set = characters === null ? null : requiredText(characters)
  return ofText((text) => stripped(text, set, { left: true, right: true }))(input, call, runtime)
}

const replace: Filter = (input, call, { budget }) => {
  const [old = '', by = '', count] = bind(call, 'old', 'new', 'count')
  const most = count === undefined || count === null ? -1 : integerOf(count, -1)
  return replaced(textOf(input, budget), textOf(old, budget), textOf(by, budget), most, budget)
}

const indent: Filter = (input, call, { budget }) => {
  const [width = 4n, first = false, blank = false] = bind(call, 'width', 'first', 'blank')
  const indention = typeof width === 'bigint' ? ' '.repeat(indentWidth(width, budget)) : requiredText(width)
  const text = `${textOf(input, budget)}\n`
  const lines = linesOf(text)
  budget.characters(text.length + lines.length * indention.length)
  const [head = '', ...rest] = lines
  const indented = rest.map((line) => (line === '' && !isTrue(blank) ? '' : indention + line))
  return (isTrue(first) ? indention : '') + [head, ...indented].join('\n')
}

function indentWidth(width: bigint, budget: Runtime['budget']): number {
  budget.characters(Math.max(0, Number(width)))
  return Math.max(0, Number(width))
}

const center: Filter = (input, call, { budget }) => {
  const [width] = bind(call, 'width')
  const text = textOf(input, budget)
  const missing = integerOf(width, 80) - lengthOf(text)
  if (missing <= 0) return text
  budget.characters(missing + text.length)
  const before = Math.floor(missing / 2) + (missing & (missing + lengthOf(text)) & 1)
  return ' '.repeat(before) + text + ' '.repeat(missing - before)
}

const truncate: Filter = (input, call, { budget }) => {
  const [length, killWords = false, end = '...', leeway] = bind(call, 'length', 'killwords', 'end', 'leeway')
  const [text, most, ending] = [textOf(input, budget), integerOf(length, 255), requiredText(end)]
  const characters = charactersOf(text)
  if (characters.length <= most + (leeway === null ? 5 : integerOf(leeway, 5))) return text
  const kept = characters.slice(0, Math.max(0, most - lengthOf(ending))).join('')
  if (isTrue(killWords)) return kept + ending
  const space = kept.lastIndexOf(' ')
  return (space < 0 ? kept : kept.slice(0, space)) + ending
}

const wordCount: Filter = (input, _call, { budget }) =>
  BigInt(textOf(input, budget).match(/[\p{L}\p{N}\p{M}_]+/gu)?.length ?? 0)

/** Breaks lines between words; words that are longer than a line are cut. */
const wordWrap: Filter = (input, call, { budget }) => {
  const [width] = bind(call, 'width')
  const most = integerOf(width, 79)
  if (most < 1) return fail('wordwrap needs a width of 1 or more')
  const wrapped = linesOf(textOf(input, budget)).map((line) => {
    const lines: string[] = []
    let rest = line
    while (rest.length > most) {
      const space = rest.lastIndexOf(' ', most)
      const cut = space > 0 ? space : most
      lines.push(rest.slice(0, cut).trimEnd())
      rest = rest.slice(cut).trimStart()
    }
    return [...lines, rest].join('\n')
  })
  return wrapped.join('\n')
}

const format: Filter = (input, call, { budget }) => {
  const { positional, named } = call
  if (positional.length > 0 && named.size > 0)
    return fail("can't handle positional and keyword arguments at the same time")
  const values: Value = named.size > 0 ? Dict.of(named) : new Tuple(positional)
  return formatPercent(textOf(input, budget), values, budget)
}

export const textFilters: readonly (readonly [string, Filter])[] = [
  ['default', defaultTo],
  ['d', defaultTo],
  ['string', ofText((text) => text)],
  ['upper', ofText((text) => text.toUpperCase())],
  ['lower', ofText((text) => text.toLowerCase())],
  ['capitalize', ofText(capitalized)],
  // Jinja2's filter begins words at spaces and brackets only, unlike Python's method.
  ['title', ofText((text) => text.replaceAll(/[^-\s({[<]+/g, capitalized))],
  ['trim', trim],
  ['replace', replace],
  ['indent', indent],
  ['center', center],
  ['truncate', truncate],
  ['wordcount', wordCount],
  ['wordwrap', wordWrap],
  ['format', format],
]
