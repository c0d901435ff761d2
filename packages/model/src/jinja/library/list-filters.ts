import { fail } from '../failure.ts'
import { itemOf } from '../run/attributes.ts'
import { bind, integerOf } from '../run/calls.ts'
import type { Filter, Runtime } from '../run/runtime.ts'
import { calculate } from '../values/arithmetic.ts'
import { charactersOf } from '../values/characters.ts'
import { isSequence, iterate, sizeOf } from '../values/iterate.ts'
import { textOf } from '../values/text.ts'
import { Dict, Series, stringOf, Undefined, type Value } from '../values/values.ts'
import { itemsOfDict } from './methods.ts'
import { joined } from './texts.ts'

/** A function that reads an attribute: a name, a number, or a path of them with points. */
export function attributeReader(
  attribute: Value,
  { budget }: Runtime,
  otherwise?: Value,
): (item: Value) => Value {
  const path = stringOf(attribute)?.split('.') ?? [attribute]
  return (item) => {
    let value = item
    for (const part of path) {
      value = itemOf(value, typeof part === 'string' && /^\d+$/.test(part) ? BigInt(part) : part, budget)
      if (value instanceof Undefined && otherwise !== undefined) return otherwise
    }
    return value
  }
}

function copied(items: readonly Value[], { budget }: Runtime): readonly Value[] {
  budget.entries(items.length)
  return items
}

const length: Filter = (input) => BigInt(sizeOf(input))

const first: Filter = (input) => {
  const items = iterate(input)
  return items.length > 0 ? (items[0] ?? null) : new Undefined('No first item, sequence was empty.')
}

const last: Filter = (input) => {
  const items = iterate(input)
  return items.length > 0 ? (items.at(-1) ?? null) : new Undefined('No last item, sequence was empty.')
}

const join: Filter = (input, call, runtime) => {
  const [separator = '', attribute = null] = bind(call, 'd', 'attribute')
  const items = attribute === null ? iterate(input) : iterate(input).map(attributeReader(attribute, runtime))
  const texts = items.map((item) => textOf(item, runtime.budget))
  return joined(texts, textOf(separator, runtime.budget), runtime.budget)
}

const reverse: Filter = (input, _call, runtime) => {
  const text = stringOf(input)
  if (text !== undefined) return charactersOf(text).toReversed().join('')
  return new Series('generator', copied(iterate(input).toReversed(), runtime))
}

const sum: Filter = (input, call, runtime) => {
  const [attribute = null, start = 0n] = bind(call, 'attribute', 'start')
  const items = attribute === null ? iterate(input) : iterate(input).map(attributeReader(attribute, runtime))
  return items.reduce((total, item) => calculate('+', total, item, runtime.budget), start)
}

const batch: Filter = (input, call, runtime) => {
  const [size, fill = null] = bind(call, 'linecount', 'fill_with')
  const count = integerOf(size, 0)
  if (count < 1) return fail('batch needs a size of 1 or more')
  const items = copied(iterate(input), runtime)
  const rows: Value[] = []
  for (let begin = 0; begin < items.length; begin += count)
    rows.push(filled(items.slice(begin, begin + count), count, fill, runtime))
  return new Series('generator', rows)
}

const slice: Filter = (input, call, runtime) => {
  const [parts, fill = null] = bind(call, 'slices', 'fill_with')
  const count = integerOf(parts, 0)
  if (count < 1) return fail('slice needs a number of 1 or more')
  runtime.budget.entries(count)
  const items = copied(iterate(input), runtime)
  const [size, more] = [Math.floor(items.length / count), items.length % count]
  const columns = Array.from({ length: count }, (_, index) => {
    const begin = index * size + Math.min(index, more)
    const column = items.slice(begin, begin + size + (index < more ? 1 : 0))
    return index >= more ? filled(column, more === 0 ? size : size + 1, fill, runtime) : column
  })
  return new Series('generator', columns)
}

function filled(row: readonly Value[], count: number, fill: Value, { budget }: Runtime): readonly Value[] {
  if (fill === null || row.length >= count) return row
  budget.entries(count)
  return [...row, ...Array.from({ length: count - row.length }, () => fill)]
}

const items: Filter = (input) => {
  if (input instanceof Undefined) return new Series('generator', [])
  if (!(input instanceof Dict)) return fail('Can only get item pairs from a mapping.')
  return new Series('generator', itemsOfDict(input).items)
}

const list: Filter = (input, _call, runtime) => [...copied(iterate(input), runtime)]

const attr: Filter = (input, call, runtime) => {
  const [name = null] = bind(call, 'name')
  return isSequence(input) ? new Undefined('there is no such attribute') : itemOf(input, name, runtime.budget)
}

export const listFilters: readonly (readonly [string, Filter])[] = [
  ['length', length],
  ['count', length],
  ['first', first],
  ['last', last],
  ['join', join],
  ['reverse', reverse],
  ['sum', sum],
  ['batch', batch],
  ['slice', slice],
  ['items', items],
  ['list', list],
  ['attr', attr],
]
