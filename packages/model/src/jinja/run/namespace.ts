import type { HostObject, Value } from '../values/values.ts'

/** `namespace()`: what a loop can change and the text behind the loop can see. */
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
