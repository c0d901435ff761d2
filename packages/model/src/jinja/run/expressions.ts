import { fail } from '../failure.ts'
import type { Arguments, ComparisonOperator, Expression } from '../syntax/nodes.ts'
import { calculate } from '../values/arithmetic.ts'
import { areEqual, compareValues, isTrue } from '../values/compare.ts'
import { iterate } from '../values/iterate.ts'
import { textOf } from '../values/text.ts'
import {
  Dict,
  numberOf,
  stringOf,
  Tuple,
  typeNameOf,
  Undefined,
  type Call,
  type Value,
} from '../values/values.ts'
import { attributeOf, itemOf, sliceOf } from './attributes.ts'
import { callValue } from './calls.ts'
import type { Runtime } from './runtime.ts'
import type { Scope } from './scope.ts'

/**
 * The value of an expression. `input` is the text of the filter block that the expression belongs to.
 * @throws {TemplateFailure} where Jinja2 would raise; {ModelError} `limit-exceeded`
 */
export function evaluate(expression: Expression, scope: Scope, runtime: Runtime, input: Value = ''): Value {
  const { budget } = runtime
  budget.characters(0)
  const inner = (operand: Expression): Value => evaluate(operand, scope, runtime, input)
  switch (expression.type) {
    case 'constant':
      return expression.value
    case 'name':
      return scope.get(expression.name)
    case 'attribute':
      return attributeOf(inner(expression.object), expression.name, budget)
    case 'item':
      return itemOf(inner(expression.object), inner(expression.key), budget)
    case 'slice': {
      const bounds = expression.bounds.map((bound) => (bound === null ? null : inner(bound)))
      return sliceOf(inner(expression.object), bounds, budget)
    }
    case 'call':
      return callValue(inner(expression.callee), argumentsOf(expression.arguments, inner))
    case 'filter': {
      const filter = runtime.filters.get(expression.name) ?? fail(`No filter named '${expression.name}'.`)
      const value = expression.input === null ? input : inner(expression.input)
      return filter(value, argumentsOf(expression.arguments, inner), runtime)
    }
    case 'test': {
      const test = runtime.tests.get(expression.name) ?? fail(`No test named '${expression.name}'.`)
      return test(inner(expression.input), argumentsOf(expression.arguments, inner), runtime)
    }
    case 'list':
      budget.entries(expression.items.length)
      return expression.items.map(inner)
    case 'tuple':
      budget.entries(expression.items.length)
      return new Tuple(expression.items.map(inner))
    case 'dict':
      budget.entries(expression.entries.length)
      return Dict.of(expression.entries.map(([key, value]) => [inner(key), inner(value)]))
    case 'concatenation':
      return concatenated(expression.parts.map(inner), runtime)
    case 'condition':
      if (isTrue(inner(expression.test))) return inner(expression.consequent)
      return expression.otherwise === null
        ? new Undefined('the condition has no else')
        : inner(expression.otherwise)
    case 'arithmetic':
    case 'sign':
    case 'not':
    case 'logic':
    case 'comparison':
      return operation(expression, inner, runtime)
  }
}

type Operation = Extract<Expression, { type: 'arithmetic' | 'sign' | 'not' | 'logic' | 'comparison' }>

function operation(expression: Operation, inner: (operand: Expression) => Value, { budget }: Runtime): Value {
  switch (expression.type) {
    case 'arithmetic':
      return calculate(expression.operator, inner(expression.left), inner(expression.right), budget)
    case 'sign': {
      const number = numberOf(inner(expression.operand))
      if (number === undefined) return fail('bad operand type for unary -')
      return expression.negative ? -number : number
    }
    case 'not':
      return !isTrue(inner(expression.operand))
    case 'logic': {
      const left = inner(expression.left)
      return isTrue(left) === (expression.operator === 'or') ? left : inner(expression.right)
    }
    case 'comparison': {
      let left = inner(expression.first)
      for (const [operator, operand] of expression.rest) {
        const right = inner(operand)
        if (!compares(operator, left, right)) return false
        left = right
      }
      return true
    }
  }
}

/** Parts of `~` become text, also those that are marked as safe. */
function concatenated(parts: readonly Value[], { budget }: Runtime): string {
  const texts = parts.map((part) => textOf(part, budget))
  budget.characters(texts.reduce((sum, text) => sum + text.length, 0))
  return texts.join('')
}

function compares(operator: ComparisonOperator, left: Value, right: Value): boolean {
  if (operator === '==') return areEqual(left, right)
  if (operator === '!=') return !areEqual(left, right)
  if (operator === 'in') return contains(right, left)
  if (operator === 'not in') return !contains(right, left)
  const order = compareValues(left, right)
  if (operator === '<') return order < 0
  if (operator === '<=') return order <= 0
  return operator === '>' ? order > 0 : order >= 0
}

/** Python's `in`. */
export function contains(container: Value, item: Value): boolean {
  const text = stringOf(container)
  if (text !== undefined)
    return text.includes(
      stringOf(item) ?? fail(`'in <string>' requires string as left operand, not ${typeNameOf(item)}`),
    )
  return container instanceof Dict
    ? container.has(item)
    : iterate(container).some((other) => areEqual(other, item))
}

function argumentsOf(
  { positional, named, rest, namedRest }: Arguments,
  inner: (operand: Expression) => Value,
): Call {
  const values = positional.map(inner)
  if (rest !== null) for (const item of iterate(inner(rest))) values.push(item)
  const names = new Map(named.map(([name, value]) => [name, inner(value)]))
  if (namedRest !== null) {
    const more = inner(namedRest)
    if (!(more instanceof Dict)) return fail('argument after ** must be a mapping')
    for (const [name, value] of more.entries())
      names.set(stringOf(name) ?? fail('keywords must be strings'), value)
  }
  return { positional: values, named: names }
}
