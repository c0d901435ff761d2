import { fail } from '../failure.ts'
import { bind } from '../run/calls.ts'
import type { Filter } from '../run/runtime.ts'
import { isTrue } from '../values/compare.ts'
import { itemsOf } from '../values/iterate.ts'
import { jsonText } from '../values/json.ts'
import { stringOf, type Value } from '../values/values.ts'
import { requiredText } from './texts.ts'

/** Spaces of one level of indentation; templates use 2 and 4. */
const indentMax = 64

/** `tojson` as transformers defines it: `json.dumps` without the escapes for HTML of Jinja2's own. */
const toJson: Filter = (input, call, { budget }) => {
  const [ascii, indent, separators, sortKeys] = bind(
    call,
    'ensure_ascii',
    'indent',
    'separators',
    'sort_keys',
  )
  const indentation = indentOf(indent ?? null)
  const [items, keys] = separators === undefined || separators === null ? [] : (itemsOf(separators) ?? [])
  const form = {
    asciiOnly: isTrue(ascii ?? false),
    indent: indentation,
    itemSeparator: items === undefined ? (indentation === null ? ', ' : ',') : requiredText(items),
    keySeparator: keys === undefined ? ': ' : requiredText(keys),
    sortKeys: isTrue(sortKeys ?? false),
  }
  return jsonText(input, form, budget)
}

function indentOf(value: Value): string | null {
  if (value === null) return null
  const text = stringOf(value)
  if (text !== undefined) return text
  if (typeof value !== 'bigint' || value > indentMax)
    return fail(`the indent of tojson must be a number up to ${indentMax} or a text`)
  return ' '.repeat(Math.max(0, Number(value)))
}

export const jsonFilters: readonly (readonly [string, Filter])[] = [['tojson', toJson]]
