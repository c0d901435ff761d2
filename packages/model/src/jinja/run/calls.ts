import { fail } from '../failure.ts'
import { isHostObject, typeNameOf, Undefined, type Call, type Value } from '../values/values.ts'

export const noArguments: Call = { positional: [], named: new Map() }

export function callWith(...positional: Value[]): Call {
  return { positional, named: new Map() }
}

/**
 * The arguments of a call in the order of their names; undefined where one is not given.
 * @throws {TemplateFailure} for an argument too many
 */
export function bind(call: Call, ...names: string[]): (Value | undefined)[] {
  if (call.positional.length > names.length)
    fail(`takes at most ${names.length} arguments (${call.positional.length} given)`)
  for (const name of call.named.keys())
    if (!names.includes(name)) fail(`got an unexpected keyword argument '${name}'`)
  return names.map((name, index) =>
    index < call.positional.length ? call.positional[index] : call.named.get(name),
  )
}

/** @throws {TemplateFailure} for what is no function */
export function callValue(callee: Value, call: Call): Value {
  if (callee instanceof Undefined) return fail(callee.message)
  if (!isHostObject(callee) || callee.call === null)
    return fail(`'${typeNameOf(callee)}' object is not callable`)
  return callee.call(call)
}

/** A whole number given as an argument. */
export function integerOf(value: Value | undefined, otherwise: number): number {
  if (value === undefined) return otherwise
  if (typeof value === 'boolean') return value ? 1 : 0
  return typeof value === 'bigint'
    ? Number(value)
    : fail(`'${typeNameOf(value)}' object cannot be interpreted as an integer`)
}
