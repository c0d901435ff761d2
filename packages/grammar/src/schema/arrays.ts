import { grammarLimits } from '../limits.ts'
import { choice, optional, repeat, sequence, text, type Expression } from '../expression.ts'
import { anyArray, anyValue, blank, comma, enclosed } from './json-text.ts'
import { countOf } from './keywords.ts'
import { refused } from './schema-error.ts'
import { below, type Fields, type Made, type SchemaContext } from './schema-types.ts'

const noItems = sequence(text('['), blank, text(']'))

export function arrayOf(schema: Fields, path: string, context: SchemaContext): Made {
  const least = countOf(schema, 'minItems', path, grammarLimits.itemsMax) ?? 0
  const most = countOf(schema, 'maxItems', path, grammarLimits.itemsMax)
  if (most !== null && least > most) return null
  const { items, prefixItems = [] } = schema
  if (!Array.isArray(prefixItems) || Array.isArray(items))
    throw refused(path, Array.isArray(items) ? 'items' : 'prefixItems', 'has an unknown form')
  if (prefixItems.length > grammarLimits.itemsMax)
    throw refused(path, 'prefixItems', `may have ${grammarLimits.itemsMax} items at most`)
  if (items === undefined && prefixItems.length === 0 && least === 0 && most === null) return anyArray
  const prefix = prefixItems.map((item: unknown, index) =>
    context.make(item, below(path, `prefixItems/${index}`)),
  )
  const made = items === undefined ? anyValue : context.make(items, below(path, 'items'))
  // Items after `prefixItems` that no schema describes are written only as far as `minItems` requires them.
  const free = items === undefined && prefix.length > 0
  const end = free ? Math.max(least, prefix.length) : most
  return arrayFrom(prefix, made, least, end === null || (most !== null && most < end) ? most : end)
}

function arrayFrom(prefix: readonly Made[], item: Made, least: number, most: number | null): Made {
  const possible = prefix.findIndex((each) => each === null)
  const whole = possible < 0 ? prefix.length : possible
  const end = possible >= 0 || item === null ? Math.min(whole, most ?? whole) : most
  if (end !== null && least > end) return null
  if (end === 0) return noItems
  const tail = itemsFrom(prefix as readonly Expression[], item ?? anyValue, 0, least, end)
  const some = enclosed('[', tail, ']')
  return least === 0 ? choice(noItems, some) : some
}

/** The items from `index` on, at least one of them. */
function itemsFrom(
  prefix: readonly Expression[],
  item: Expression,
  index: number,
  least: number,
  most: number | null,
): Expression {
  if (index >= prefix.length) {
    const rest = (count: number): number => Math.max(0, count - index - 1)
    return sequence(item, repeat(sequence(comma, item), rest(least), most === null ? null : rest(most)))
  }
  const own = prefix[index] as Expression
  if (most !== null && index + 1 >= most) return own
  const next = sequence(comma, itemsFrom(prefix, item, index + 1, least, most))
  return sequence(own, index + 1 < least ? next : optional(next))
}
