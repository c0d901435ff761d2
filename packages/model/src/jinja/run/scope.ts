import { Undefined, type Value } from '../values/values.ts'

/** Variables of a block, which sees those of the blocks around it. */
export class Scope {
  readonly #variables: Map<string, Value>
  readonly #outer: Scope | null

  constructor(outer: Scope | null, variables: Iterable<readonly [string, Value]> = []) {
    this.#outer = outer
    this.#variables = new Map(variables)
  }

  get(name: string): Value {
    const value = this.#variables.get(name)
    if (value !== undefined) return value
    return this.#outer === null ? new Undefined(`'${name}' is undefined`) : this.#outer.get(name)
  }

  set(name: string, value: Value): void {
    this.#variables.set(name, value)
  }
}
