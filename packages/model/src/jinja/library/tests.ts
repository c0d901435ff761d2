import { fail } from '../failure.ts'
import { bind } from '../run/calls.ts'
import { contains } from '../run/expressions.ts'
import type { Test } from '../run/runtime.ts'
import { calculate } from '../values/arithmetic.ts'
import { areEqual, compareValues } from '../values/compare.ts'
import { isSequence, itemsOf } from '../values/iterate.ts'
import { textOf } from '../values/text.ts'
import {
  Dict,
  isHostObject,
  Markup,
  numberOf,
  stringOf,
  Undefined,
  type Call,
  type Value,
} from '../values/values.ts'
import { isLower, isUpper } from './string-cases.ts'

const other = (call: Call): Value => {
  const [value] = bind(call, 'other')
  return value === undefined ? fail('the test needs a value to compare with') : value
}

const order =
  (holds: (order: number) => boolean): Test =>
  (input, call) =>
    holds(compareValues(input, other(call)))

const equal: Test = (input, call) => areEqual(input, other(call))
const notEqual: Test = (input, call) => !areEqual(input, other(call))
const greater = order((sign) => sign > 0)
const greaterOrEqual = order((sign) => sign >= 0)
const less = order((sign) => sign < 0)
const lessOrEqual = order((sign) => sign <= 0)

const hasRest =
  (by: (call: Call) => Value, rest: bigint): Test =>
  (input, call, { budget }) =>
    areEqual(calculate('%', input, by(call), budget), rest)

const sameAs: Test = (input, call) => {
  const value = other(call)
  return (
    typeof input === typeof value && (typeof input === 'object' ? input === value : areEqual(input, value))
  )
}

/** The tests of Jinja2. */
export const tests: ReadonlyMap<string, Test> = new Map<string, Test>([
  ['defined', (input) => !(input instanceof Undefined)],
  ['undefined', (input) => input instanceof Undefined],
  ['none', (input) => input === null],
  ['boolean', (input) => typeof input === 'boolean'],
  ['true', (input) => input === true],
  ['false', (input) => input === false],
  ['integer', (input) => typeof input === 'bigint'],
  ['float', (input) => typeof input === 'number'],
  ['number', (input) => numberOf(input) !== undefined],
  ['string', (input) => stringOf(input) !== undefined],
  ['mapping', (input) => input instanceof Dict],
  ['sequence', isSequence],
  ['iterable', (input) => itemsOf(input) !== null],
  ['callable', (input) => isHostObject(input) && input.call !== null],
  ['escaped', (input) => input instanceof Markup],
  ['lower', (input, _call, { budget }) => isLower(textOf(input, budget))],
  ['upper', (input, _call, { budget }) => isUpper(textOf(input, budget))],
  ['odd', hasRest(() => 2n, 1n)],
  ['even', hasRest(() => 2n, 0n)],
  ['divisibleby', hasRest(other, 0n)],
  ['in', (input, call) => contains(other(call), input)],
  ['sameas', sameAs],
  ['filter', (input, _call, { filters }) => filters.has(stringOf(input) ?? '')],
  ['test', (input) => tests.has(stringOf(input) ?? '')],
  ['eq', equal],
  ['equalto', equal],
  ['==', equal],
  ['ne', notEqual],
  ['!=', notEqual],
  ['gt', greater],
  ['greaterthan', greater],
  ['>', greater],
  ['ge', greaterOrEqual],
  ['>=', greaterOrEqual],
  ['lt', less],
  ['lessthan', less],
  ['<', less],
  ['le', lessOrEqual],
  ['<=', lessOrEqual],
])
