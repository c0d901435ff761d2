import { fail } from '../failure.ts'
import type { Body, MacroStatement, Parameter } from '../syntax/nodes.ts'
import { Dict, Tuple, Undefined, type Call, type HostObject, type Value } from '../values/values.ts'
import { evaluate } from './expressions.ts'
import { textOfBody, type Runtime } from './runtime.ts'
import { Scope } from './scope.ts'

/**
 * Makes a macro. Its body sees the variables of the place of its definition, with their values at the time of the call.
 */
export function createMacro(
  { name, parameters, body }: MacroStatement,
  scope: Scope,
  runtime: Runtime,
): HostObject {
  const run = createBody(name, parameters, body, scope, runtime)
  return {
    typeName: 'Macro',
    text: `<Macro '${name}'>`,
    attribute: (attribute) => (attribute === 'name' ? name : undefined),
    call: (call) => runtime.budget.nested(() => run(call)),
  }
}

/** The body of a call block as the macro `caller`. */
export function createCaller(
  parameters: readonly Parameter[],
  body: Body,
  scope: Scope,
  runtime: Runtime,
): HostObject {
  return createMacro({ type: 'macro', name: 'caller', parameters, body }, scope, runtime)
}

function createBody(
  name: string,
  parameters: readonly Parameter[],
  body: Body,
  scope: Scope,
  runtime: Runtime,
): (call: Call) => Value {
  const [takesMore, takesNames, takesCaller] = ['varargs', 'kwargs', 'caller'].map((word) =>
    mentions(body, word),
  )
  return ({ positional, named }) => {
    const inner = new Scope(scope)
    const rest = new Map(named)
    for (const [index, parameter] of parameters.entries()) {
      const given = index < positional.length ? positional[index] : named.get(parameter.name)
      inner.set(parameter.name, argumentOf(parameter, given, inner, runtime))
      rest.delete(parameter.name)
    }
    if (takesCaller === true) {
      inner.set('caller', rest.get('caller') ?? new Undefined('No caller defined'))
      rest.delete('caller')
    }
    if (takesNames === true) inner.set('kwargs', Dict.of(rest))
    else if (rest.size > 0)
      return fail(`macro '${name}' takes no keyword argument '${[...rest.keys()].join("', '")}'`)
    const more = positional.slice(parameters.length)
    if (takesMore === true) inner.set('varargs', new Tuple(more))
    else if (more.length > 0)
      return fail(`macro '${name}' takes not more than ${parameters.length} argument(s)`)
    return textOfBody(body, inner, runtime)
  }
}

function argumentOf(
  { name, default: value }: Parameter,
  given: Value | undefined,
  scope: Scope,
  runtime: Runtime,
): Value {
  if (given !== undefined) return given
  return value === null
    ? new Undefined(`parameter '${name}' was not provided`)
    : evaluate(value, scope, runtime)
}

/** True when a part of the syntax tree names the variable. */
function mentions(node: unknown, name: string): boolean {
  if (Array.isArray(node)) return node.some((item) => mentions(item, name))
  if (typeof node !== 'object' || node === null) return false
  if ('type' in node && node.type === 'name' && 'name' in node && node.name === name) return true
  return Object.values(node).some((item) => mentions(item, name))
}
