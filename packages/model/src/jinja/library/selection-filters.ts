import { fail } from '../failure.ts'
import { bind } from '../run/calls.ts'
import type { Filter, Runtime } from '../run/runtime.ts'
import { isTrue } from '../values/compare.ts'
import { iterate } from '../values/iterate.ts'
import { Series, type Call, type Value } from '../values/values.ts'
import { attributeReader } from './list-filters.ts'
import { requiredText } from './texts.ts'

/** Jinja2 takes a false input, such as `none`, for an empty list here. */
function selectable(input: Value): readonly Value[] {
  return isTrue(input) ? iterate(input) : []
}

const map: Filter = (input, call, runtime) => {
  const items = selectable(input)
  runtime.budget.entries(items.length)
  return new Series('generator', items.map(mapper(call, runtime)))
}

function mapper(call: Call, runtime: Runtime): (item: Value) => Value {
  if (call.positional.length === 0) {
    const [attribute = null, otherwise] = bind(call, 'attribute', 'default')
    if (attribute === null) return fail('map requires a filter argument')
    return attributeReader(attribute, runtime, otherwise)
  }
  const [name, ...positional] = call.positional
  const filter = runtime.filters.get(requiredText(name)) ?? fail(`No filter named '${requiredText(name)}'.`)
  return (item) => filter(item, { positional, named: call.named }, runtime)
}

/** A filter that keeps the items for which a test, of the item or of an attribute, gives `wanted`. */
const selection =
  (wanted: boolean, byAttribute: boolean): Filter =>
  (input, call, runtime) => {
    const items = selectable(input)
    runtime.budget.entries(items.length)
    const [attribute = null, ...rest] = byAttribute ? call.positional : [null, ...call.positional]
    const read = byAttribute ? attributeReader(attribute, runtime) : (item: Value): Value => item
    const test = tester(rest, call.named, runtime)
    return new Series(
      'generator',
      items.filter((item) => test(read(item)) === wanted),
    )
  }

function tester(
  [name, ...positional]: readonly Value[],
  named: Call['named'],
  runtime: Runtime,
): (value: Value) => boolean {
  if (name === undefined) return isTrue
  const test = runtime.tests.get(requiredText(name)) ?? fail(`No test named '${requiredText(name)}'.`)
  return (value) => test(value, { positional, named }, runtime)
}

export const selectionFilters: readonly (readonly [string, Filter])[] = [
  ['map', map],
  ['select', selection(true, false)],
  ['reject', selection(false, false)],
  ['selectattr', selection(true, true)],
  ['rejectattr', selection(false, true)],
]
