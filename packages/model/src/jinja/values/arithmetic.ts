import type { Budget } from '../budget.ts'
import { fail } from '../failure.ts'
import { formatPercent } from '../format/percent.ts'
import { escapeHtml } from './html.ts'
import { isList } from './iterate.ts'
import { Markup, numberOf, stringOf, Tuple, typeNameOf, Undefined, type Value } from './values.ts'

export type ArithmeticOperator = '+' | '-' | '*' | '/' | '//' | '%' | '**'

/** Most bits of an int. Python's ints have no bound, and squaring one in a loop would take ever more time. */
const integerBitsMax = 4096n
const exponentMax = 4096n

/** @throws {TemplateFailure} for operands that Python refuses */
export function calculate(operator: ArithmeticOperator, left: Value, right: Value, budget: Budget): Value {
  if (left instanceof Undefined) return fail(left.message)
  if (right instanceof Undefined) return fail(right.message)
  const [one, other] = [numberOf(left), numberOf(right)]
  if (one !== undefined && other !== undefined) return ofNumbers(operator, one, other)
  const text = stringOf(left)
  if (operator === '%' && text !== undefined) return formatPercent(text, right, budget)
  const joined =
    operator === '+' ? added(left, right, budget) : operator === '*' ? repeated(left, right, budget) : null
  return (
    joined ??
    fail(`unsupported operand type(s) for ${operator}: '${typeNameOf(left)}' and '${typeNameOf(right)}'`)
  )
}

function ofNumbers(operator: ArithmeticOperator, one: bigint | number, other: bigint | number): Value {
  if (operator === '/') return ofFloats('/', Number(one), Number(other))
  if (typeof one === 'number' || typeof other === 'number')
    return ofFloats(operator, Number(one), Number(other))
  if (operator === '**') {
    if (other < 0n) return Number(one) ** Number(other)
    return other > exponentMax ? fail('a number is too large') : bounded(one ** other)
  }
  if (operator === '+') return bounded(one + other)
  if (operator === '-') return bounded(one - other)
  if (operator === '*') return bounded(one * other)
  if (other === 0n) return fail('integer division or modulo by zero')
  const rest = one % other
  const uneven = rest !== 0n && rest < 0n !== other < 0n
  if (operator === '%') return uneven ? rest + other : rest
  return one / other - (uneven ? 1n : 0n)
}

function bounded(value: bigint): bigint {
  return BigInt.asIntN(Number(integerBitsMax), value) === value ? value : fail('a number is too large')
}

function ofFloats(operator: ArithmeticOperator, one: number, other: number): number {
  if (operator === '+') return one + other
  if (operator === '-') return one - other
  if (operator === '*') return one * other
  if (operator === '**') return one ** other
  if (other === 0) return fail('division by zero')
  if (operator === '/') return one / other
  if (operator === '//') return Math.floor(one / other)
  const rest = one % other
  return rest !== 0 && rest < 0 !== other < 0 ? rest + other : rest
}

function added(left: Value, right: Value, budget: Budget): Value | null {
  const [text, otherText] = [stringOf(left), stringOf(right)]
  if (text !== undefined && otherText !== undefined) {
    budget.characters(text.length + otherText.length)
    if (!(left instanceof Markup) && !(right instanceof Markup)) return text + otherText
    return new Markup(escapeHtml(left) + escapeHtml(right))
  }
  const size = (items: readonly Value[], more: readonly Value[]): void =>
    budget.entries(items.length + more.length)
  if (isList(left) && isList(right)) {
    size(left, right)
    return [...left, ...right]
  }
  if (!(left instanceof Tuple && right instanceof Tuple)) return null
  size(left.items, right.items)
  return new Tuple([...left.items, ...right.items])
}

function repeated(left: Value, right: Value, budget: Budget): Value | null {
  const [value, times] = typeof left === 'bigint' || typeof left === 'boolean' ? [right, left] : [left, right]
  const count = numberOf(times)
  if (typeof count !== 'bigint') return null
  const copies = Math.max(0, Number(count))
  const text = stringOf(value)
  if (text !== undefined) {
    budget.characters(text.length * copies)
    return value instanceof Markup ? new Markup(text.repeat(copies)) : text.repeat(copies)
  }
  const items = isList(value) ? value : value instanceof Tuple ? value.items : null
  if (items === null) return null
  budget.entries(items.length * copies)
  const all = Array.from({ length: copies }, () => items).flat()
  return isList(value) ? all : new Tuple(all)
}
