import { fail } from '../failure.ts'
import { bind } from '../run/calls.ts'
import type { Filter, Runtime } from '../run/runtime.ts'
import { areEqual, compareValues, isTrue } from '../values/compare.ts'
import { iterate } from '../values/iterate.ts'
import { Dict, Series, stringOf, Tuple, Undefined, type Value } from '../values/values.ts'
import { attributeReader } from './list-filters.ts'

type Key = (item: Value) => Value

/** The sort key of an item: one of its attributes or the item itself, in lower case unless case matters. */
function keyOf(attribute: Value, caseSensitive: Value, runtime: Runtime): Key {
  const read = attribute === null ? (item: Value): Value => item : attributeReader(attribute, runtime)
  return isTrue(caseSensitive) ? read : (item) => withoutCase(read(item))
}

function withoutCase(value: Value): Value {
  return stringOf(value)?.toLowerCase() ?? value
}

function sorted(items: readonly Value[], key: Key, reverse: boolean): Value[] {
  const keyed = items.map((item) => ({ item, key: key(item) }))
  // A reversed order keeps equal items as they stood, as Python's does.
  keyed.sort((one, other) =>
    reverse ? compareValues(other.key, one.key) : compareValues(one.key, other.key),
  )
  return keyed.map(({ item }) => item)
}

const sort: Filter = (input, call, runtime) => {
  const [reverse = false, caseSensitive = false, attribute = null] = bind(
    call,
    'reverse',
    'case_sensitive',
    'attribute',
  )
  const items = iterate(input)
  runtime.budget.entries(items.length)
  const paths = stringOf(attribute)?.split(',') ?? [attribute]
  const keys = paths.map((path) => keyOf(path, caseSensitive, runtime))
  return sorted(
    items,
    keys.length === 1 ? (keys[0] ?? fail('no attribute')) : (item) => keys.map((key) => key(item)),
    isTrue(reverse),
  )
}

const dictSort: Filter = (input, call, runtime) => {
  const [caseSensitive = false, by = 'key', reverse = false] = bind(call, 'case_sensitive', 'by', 'reverse')
  if (!(input instanceof Dict)) return fail('dictsort needs a mapping')
  if (by !== 'key' && by !== 'value') return fail('You can only sort by either "key" or "value"')
  const position = by === 'key' ? 0n : 1n
  const pairs = input.entries().map((entry) => new Tuple(entry))
  runtime.budget.entries(pairs.length)
  return sorted(pairs, keyOf(position, caseSensitive, runtime), isTrue(reverse))
}

const extreme =
  (wins: (order: number) => boolean): Filter =>
  (input, call, runtime) => {
    const [caseSensitive = false, attribute = null] = bind(call, 'case_sensitive', 'attribute')
    const [first, ...rest] = iterate(input)
    if (first === undefined) return new Undefined('No aggregated item, sequence was empty.')
    const key = keyOf(attribute, caseSensitive, runtime)
    return rest.reduce((best, item) => (wins(compareValues(key(item), key(best))) ? item : best), first)
  }

const unique: Filter = (input, call, runtime) => {
  const [caseSensitive = false, attribute = null] = bind(call, 'case_sensitive', 'attribute')
  const key = keyOf(attribute, caseSensitive, runtime)
  const items = iterate(input)
  runtime.budget.entries(items.length)
  const seen = new Set<Value>()
  const kept = items.filter((item) => {
    const value = key(item)
    const known =
      typeof value === 'object' && value !== null
        ? [...seen].some((other) => areEqual(other, value))
        : seen.has(value)
    seen.add(value)
    return !known
  })
  return new Series('generator', kept)
}

const groupBy: Filter = (input, call, runtime) => {
  const [attribute = null, otherwise, caseSensitive = false] = bind(
    call,
    'attribute',
    'default',
    'case_sensitive',
  )
  const read = attributeReader(attribute, runtime, otherwise)
  const key: Key = isTrue(caseSensitive) ? read : (item) => withoutCase(read(item))
  const groups: { key: Value; name: Value; items: Value[] }[] = []
  for (const item of sorted(iterate(input), key, false)) {
    const value = key(item)
    const last = groups.at(-1)
    if (last !== undefined && areEqual(last.key, value)) last.items.push(item)
    else groups.push({ key: value, name: read(item), items: [item] })
  }
  runtime.budget.entries(groups.length)
  return groups.map(({ name, items }) => new Tuple([name, items]))
}

export const orderFilters: readonly (readonly [string, Filter])[] = [
  ['sort', sort],
  ['dictsort', dictSort],
  ['min', extreme((order) => order < 0)],
  ['max', extreme((order) => order > 0)],
  ['unique', unique],
  ['groupby', groupBy],
]
