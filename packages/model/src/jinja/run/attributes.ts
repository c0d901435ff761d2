import type { Budget } from '../budget.ts'
import { fail } from '../failure.ts'
import type { Access } from '../format/braces.ts'
import { methodOf } from '../library/methods.ts'
import { charactersOf } from '../values/characters.ts'
import { isList } from '../values/iterate.ts'
import {
  Dict,
  isHostObject,
  Markup,
  Range,
  stringOf,
  Tuple,
  typeNameOf,
  Undefined,
  type Value,
} from '../values/values.ts'

/** `object.name`: an attribute or method, else the item of that name. */
export function attributeOf(object: Value, name: string, budget: Budget): Value {
  if (object instanceof Undefined) return fail(object.message)
  const attribute = ownAttribute(object, name, budget)
  if (attribute !== undefined) return attribute
  const item = itemAt(object, name)
  return item === undefined ? missing(object, name) : item
}

/** `object[key]`: an item, else the attribute of that name. */
export function itemOf(object: Value, key: Value, budget: Budget): Value {
  if (object instanceof Undefined) return fail(object.message)
  const item = itemAt(object, key)
  if (item !== undefined) return item
  const name = stringOf(key)
  const attribute = name === undefined ? undefined : ownAttribute(object, name, budget)
  return attribute === undefined ? missing(object, name ?? typeNameOf(key)) : attribute
}

function accessWithin(budget: Budget): Access {
  return {
    attribute: (object, name) => attributeOf(object, name, budget),
    item: (object, key) => itemOf(object, key, budget),
  }
}

function missing(object: Value, name: string): Undefined {
  return new Undefined(
    `'${object === null ? 'None' : `${typeNameOf(object)} object`}' has no attribute '${name}'`,
  )
}

function ownAttribute(object: Value, name: string, budget: Budget): Value | undefined {
  return isHostObject(object) ? object.attribute(name) : methodOf(object, name, budget, accessWithin(budget))
}

function itemAt(object: Value, key: Value): Value | undefined {
  if (object instanceof Dict) return key instanceof Tuple || !isCompound(key) ? object.get(key) : undefined
  const index = typeof key === 'boolean' ? BigInt(key) : key
  if (typeof index !== 'bigint') return undefined
  const items = indexed(object)
  const position = Number(index)
  return items?.[position < 0 ? position + items.length : position]
}

function isCompound(value: Value): boolean {
  return typeof value === 'object' && value !== null && !(value instanceof Markup)
}

function indexed(object: Value): readonly Value[] | undefined {
  const text = stringOf(object)
  if (text !== undefined) return charactersOf(text)
  if (object instanceof Tuple || object instanceof Range) return object.items
  return isList(object) ? object : undefined
}

/** `object[start:stop:step]` */
export function sliceOf(object: Value, bounds: readonly (Value | null)[], budget: Budget): Value {
  if (object instanceof Undefined) return fail(object.message)
  const items = indexed(object)
  if (items === undefined) return missing(object, 'slice')
  const [start, stop, step] = [0, 1, 2].map((index) => bounds[index] ?? null)
  if ([start, stop, step].some((bound) => bound !== null && typeof bound !== 'bigint'))
    return missing(object, 'slice')
  const stride = step === null || step === undefined ? 1 : Number(step)
  if (stride === 0) return fail('slice step cannot be zero')
  const [from, to] = sliceBounds(start ?? null, stop ?? null, stride, items.length)
  const text = stringOf(object)
  if (text !== undefined) {
    const cut = picked(charactersOf(text), from, to, stride).join('')
    budget.characters(cut.length)
    return object instanceof Markup ? new Markup(cut) : cut
  }
  const cut = picked(items, from, to, stride)
  budget.entries(cut.length)
  return object instanceof Tuple ? new Tuple(cut) : cut
}

function picked<Item>(items: readonly Item[], from: number, to: number, stride: number): Item[] {
  if (stride === 1) return items.slice(from, Math.max(from, to))
  const cut: Item[] = []
  for (let index = from; stride > 0 ? index < to : index > to; index += stride)
    cut.push(...items.slice(index, index + 1))
  return cut
}

function sliceBounds(start: Value, stop: Value, stride: number, length: number): [number, number] {
  const [lowest, highest] = stride > 0 ? [0, length] : [-1, length - 1]
  const clamp = (bound: Value, otherwise: number): number => {
    if (typeof bound !== 'bigint') return otherwise
    const index = Number(bound)
    return Math.min(Math.max(index < 0 ? index + length : index, lowest), highest)
  }
  return stride > 0 ? [clamp(start, 0), clamp(stop, length)] : [clamp(start, length - 1), clamp(stop, -1)]
}
