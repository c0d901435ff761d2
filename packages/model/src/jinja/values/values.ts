import { fail } from '../failure.ts'

/**
 * Values of the template language, which are Python's: None is null, an int is a bigint, a float is a number, and a list is an
 * array. Templates cannot change lists and dicts, as in Jinja2's immutable sandbox.
 */
export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | readonly Value[]
  | Markup
  | Undefined
  | Tuple
  | Dict
  | Series
  | Range
  | HostObject

/** Text that HTML escaping leaves alone (`safe`). Text that is added to it is escaped. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/**
 * The value of a name or attribute that does not exist: it prints as an empty text, and using it in another way is an
 * error.
 */
export class Undefined {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}

export class Tuple {
  readonly items: readonly Value[]

  constructor(items: readonly Value[]) {
    this.items = items
  }
}

/**
 * A value that Python iterates but does not index: the generator of a filter, or a view of a dict, which has a length.
 */
export class Series {
  readonly typeName: 'generator' | 'dict_keys' | 'dict_values' | 'dict_items'
  readonly items: readonly Value[]

  constructor(typeName: Series['typeName'], items: readonly Value[]) {
    this.typeName = typeName
    this.items = items
  }
}

export class Range {
  readonly start: bigint
  readonly stop: bigint
  readonly step: bigint
  readonly items: readonly Value[]

  constructor(start: bigint, stop: bigint, step: bigint, items: readonly Value[]) {
    this.start = start
    this.stop = stop
    this.step = step
    this.items = items
  }
}

type Key = string | bigint | number | boolean | null

/** A dict in the order of its keys' first appearance. Equal keys are one: 1, 1.0 and true. */
export class Dict {
  readonly #entries = new Map<Key, readonly [key: Value, value: Value]>()

  static of(entries: Iterable<readonly [Value, Value]>): Dict {
    const dict = new Dict()
    for (const [key, value] of entries) {
      const hash = hashOf(key)
      dict.#entries.set(hash, [dict.#entries.get(hash)?.[0] ?? key, value])
    }
    return dict
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: Value): Value | undefined {
    return this.#entries.get(hashOf(key))?.[1]
  }

  has(key: Value): boolean {
    return this.#entries.has(hashOf(key))
  }

  keys(): Value[] {
    return [...this.#entries.values()].map(([key]) => key)
  }

  values(): Value[] {
    return [...this.#entries.values()].map(([, value]) => value)
  }

  entries(): (readonly [Value, Value])[] {
    return [...this.#entries.values()]
  }
}

function hashOf(key: Value): Key {
  if (typeof key === 'string') return key
  if (typeof key === 'boolean') return key ? 1n : 0n
  if (typeof key === 'number') return Number.isInteger(key) ? BigInt(key) : key
  if (key === null || typeof key === 'bigint') return key
  if (key instanceof Markup) return key.text
  if (key instanceof Undefined) return '\u{FDD1}undefined'
  // The key begins with a noncharacter, which no text contains, so that a tuple is never equal to a text.
  if (key instanceof Tuple)
    return `\u{FDD1}${key.items.map((item) => `${typeof item} ${String(hashOf(item))}`).join('\u{FDD1}')}`
  return fail('unhashable type')
}

/** Arguments of a call. */
export interface Call {
  readonly positional: readonly Value[]
  readonly named: ReadonlyMap<string, Value>
}

/** A function, a macro, a namespace, or the variable `loop`. */
export interface HostObject {
  readonly typeName: string
  /** `str()` of it. */
  readonly text: string
  attribute(name: string): Value | undefined
  readonly call: ((call: Call) => Value) | null
}

export function hostFunction(name: string, call: (call: Call) => Value): HostObject {
  return {
    typeName: 'function',
    text: `<function ${name}>`,
    attribute: (attribute) => (attribute === 'name' ? name : undefined),
    call,
  }
}

export function isHostObject(value: Value): value is HostObject {
  return typeof value === 'object' && value !== null && 'attribute' in value
}

/** The text of a str, also of one that is marked as safe; undefined for other values. */
export function stringOf(value: Value): string | undefined {
  if (typeof value === 'string') return value
  return value instanceof Markup ? value.text : undefined
}

/** The number of an int, a float or a bool, which is an int. */
export function numberOf(value: Value): bigint | number | undefined {
  if (typeof value === 'boolean') return value ? 1n : 0n
  return typeof value === 'bigint' || typeof value === 'number' ? value : undefined
}

export function typeNameOf(value: Value): string {
  if (value === null) return 'NoneType'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'bigint') return 'int'
  if (typeof value === 'number') return 'float'
  if (typeof value === 'string') return 'str'
  if (value instanceof Markup) return 'Markup'
  if (value instanceof Undefined) return 'Undefined'
  if (value instanceof Tuple) return 'tuple'
  if (value instanceof Dict) return 'dict'
  if (value instanceof Range) return 'range'
  return isHostObject(value) || value instanceof Series ? value.typeName : 'list'
}
