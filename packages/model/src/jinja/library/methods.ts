import type { Budget } from '../budget.ts'
import { fail } from '../failure.ts'
import type { Access } from '../format/braces.ts'
import { bind } from '../run/calls.ts'
import { areEqual } from '../values/compare.ts'
import { isList } from '../values/iterate.ts'
import {
  Dict,
  hostFunction,
  Markup,
  Series,
  stringOf,
  Tuple,
  type Call,
  type Value,
} from '../values/values.ts'
import { stringMethod } from './string-methods.ts'

/** A method of a value, or undefined. Methods that change their object do not exist, as in Jinja2's immutable sandbox. */
export function methodOf(object: Value, name: string, budget: Budget, access: Access): Value | undefined {
  const method = findMethod(object, name, budget, access)
  return method === undefined ? undefined : hostFunction(name, method)
}

type Method = (call: Call) => Value

function findMethod(object: Value, name: string, budget: Budget, access: Access): Method | undefined {
  const text = stringOf(object)
  if (text !== undefined) {
    const method = stringMethod(name)
    if (method === undefined) return undefined
    if (!(object instanceof Markup)) return (call) => method(text, call, budget, access)
    return (call) => {
      const result = method(text, call, budget, access)
      return typeof result === 'string' ? new Markup(result) : result
    }
  }
  if (object instanceof Dict) return dictMethod(object, name)
  if (object instanceof Tuple) return listMethod(object.items, name)
  return isList(object) ? listMethod(object, name) : undefined
}

function dictMethod(dict: Dict, name: string): Method | undefined {
  switch (name) {
    case 'get':
      return (call) => {
        const [key, otherwise] = bind(call, 'key', 'default')
        const value = dict.get(key ?? null)
        return value === undefined ? (otherwise ?? null) : value
      }
    case 'keys':
      return () => new Series('dict_keys', dict.keys())
    case 'values':
      return () => new Series('dict_values', dict.values())
    case 'items':
      return () => itemsOfDict(dict)
    case 'copy':
      return () => dict
    default:
      return undefined
  }
}

export function itemsOfDict(dict: Dict): Series {
  return new Series(
    'dict_items',
    dict.entries().map((entry) => new Tuple(entry)),
  )
}

function listMethod(items: readonly Value[], name: string): Method | undefined {
  switch (name) {
    case 'index':
      return (call) => {
        const [item] = bind(call, 'value', 'start', 'stop')
        const index = items.findIndex((other) => areEqual(other, item ?? null))
        return index < 0 ? fail('the value is not in the list') : BigInt(index)
      }
    case 'count':
      return (call) => {
        const [item] = bind(call, 'value')
        return BigInt(items.filter((other) => areEqual(other, item ?? null)).length)
      }
    case 'copy':
      return () => items
    default:
      return undefined
  }
}
