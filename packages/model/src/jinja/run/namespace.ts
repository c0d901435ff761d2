import type { HostObject, Value } from '../values/values.ts'

/**
 * `namespace()`: an object whose attributes a loop can change, so that the template sees the changes after the loop.
 */
export class Namespace implements HostObject {
  readonly typeName = 'Namespace'
  readonly call = null
  readonly #attributes: Map<string, Value>

  constructor(attributes: Iterable<readonly [string, Value]>) {
    this.#attributes = new Map(attributes)
  }

  get text(): string {
    return '<Namespace>'
  }

  attribute(name: string): Value | undefined {
    return this.#attributes.get(name)
  }

  set(name: string, value: Value): void {
    this.#attributes.set(name, value)
  }
}
