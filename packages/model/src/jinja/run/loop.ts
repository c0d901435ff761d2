import { fail } from '../failure.ts'
import type { ForStatement } from '../syntax/nodes.ts'
import { areEqual, isTrue } from '../values/compare.ts'
import { iterate } from '../values/iterate.ts'
import { hostFunction, type Call, type HostObject, Undefined, type Value } from '../values/values.ts'
import { assign } from './assign.ts'
import { evaluate } from './expressions.ts'
import { Output } from './output.ts'
import type { Runtime } from './runtime.ts'
import { Scope } from './scope.ts'

export function runFor(statement: ForStatement, scope: Scope, output: Output, runtime: Runtime): void {
  runItems(statement, iterate(evaluate(statement.items, scope, runtime)), 0, scope, output, runtime)
}

function runItems(
  statement: ForStatement,
  all: readonly Value[],
  depth: number,
  scope: Scope,
  output: Output,
  runtime: Runtime,
): void {
  const { filter, target } = statement
  const turn = (item: Value): Scope => {
    const inner = new Scope(scope)
    assign(target, item, inner)
    return inner
  }
  const items = filter === null ? all : all.filter((item) => isTrue(evaluate(filter, turn(item), runtime)))
  const recurse = (call: Call): Value =>
    runtime.budget.nested(() => {
      const inner = new Output(runtime.budget)
      runItems(statement, iterate(call.positional[0] ?? null), depth + 1, scope, inner, runtime)
      return inner.text
    })
  const loop = new Loop(items, depth, statement.recursive ? recurse : null)
  for (const item of items) {
    runtime.budget.characters(0)
    const inner = turn(item)
    inner.set('loop', loop)
    if (runtime.runBody(statement.body, inner, output, runtime) === 'break') break
    loop.advance()
  }
  if (items.length === 0) runtime.runBody(statement.otherwise, new Scope(scope), output, runtime)
}

/** The variable `loop`. */
class Loop implements HostObject {
  readonly typeName = 'LoopContext'
  readonly text = '<LoopContext>'
  readonly call: ((call: Call) => Value) | null
  readonly #items: readonly Value[]
  readonly #depth: number
  #index = 0
  #changedTo: readonly Value[] | null = null

  constructor(items: readonly Value[], depth: number, recurse: ((call: Call) => Value) | null) {
    this.#items = items
    this.#depth = depth
    this.call = recurse
  }

  advance(): void {
    this.#index++
  }

  attribute(name: string): Value | undefined {
    const [index, length] = [this.#index, this.#items.length]
    switch (name) {
      case 'index':
        return BigInt(index + 1)
      case 'index0':
        return BigInt(index)
      case 'revindex':
        return BigInt(length - index)
      case 'revindex0':
        return BigInt(length - index - 1)
      case 'first':
        return index === 0
      case 'last':
        return index === length - 1
      case 'length':
        return BigInt(length)
      case 'depth':
        return BigInt(this.#depth + 1)
      case 'depth0':
        return BigInt(this.#depth)
      case 'previtem':
        return index > 0 ? this.#items[index - 1] : new Undefined('there is no previous item')
      case 'nextitem':
        return index + 1 < length ? this.#items[index + 1] : new Undefined('there is no next item')
      case 'cycle':
        return hostFunction('cycle', ({ positional }) =>
          positional.length === 0
            ? fail('no items for cycling given')
            : (positional[index % positional.length] ?? null),
        )
      case 'changed':
        return hostFunction('changed', ({ positional }) => this.#changed(positional))
      default:
        return undefined
    }
  }

  #changed(values: readonly Value[]): boolean {
    const last = this.#changedTo
    this.#changedTo = values
    return last === null || !areEqual(last, values)
  }
}
