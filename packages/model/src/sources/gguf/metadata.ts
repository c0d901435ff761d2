import { ModelError } from '../../error.ts'
import { show } from '../../json-fields.ts'
import type { GgufValue } from './metadata-values.ts'

/** The metadata of a GGUF file. Values come from strangers: each access says what type it needs. */
export interface Metadata {
  has(key: string): boolean
  /** Null when absent. @throws {ModelError} `bad-model` for another type */
  text(key: string): string | null
  number(key: string): number | null
  flag(key: string): boolean | null
  texts(key: string): readonly string[] | null
  numbers(key: string): readonly number[] | null
  /** A number, or one for each block; empty when absent. */
  numbersOrNumber(key: string): readonly number[]
  /** Names of all keys. */
  keys(): Iterable<string>
}

export function createMetadata(values: ReadonlyMap<string, GgufValue>): Metadata {
  const typed = <Type>(
    key: string,
    type: string,
    is: (value: GgufValue) => value is GgufValue & Type,
  ): Type | null => {
    const value = values.get(key)
    if (value === undefined) return null
    if (!is(value)) throw new ModelError('bad-model', `${key} is ${show(value)}, not ${type}`)
    return value
  }
  const numbers = (key: string): readonly number[] | null =>
    typed(
      key,
      'a list of numbers',
      (value): value is readonly number[] =>
        Array.isArray(value) && value.every((one) => typeof one === 'number'),
    )
  return {
    has: (key) => values.has(key),
    text: (key) => typed(key, 'a text', (value) => typeof value === 'string'),
    number: (key) => typed(key, 'a number', (value) => typeof value === 'number'),
    flag: (key) => typed(key, 'true or false', (value) => typeof value === 'boolean'),
    texts: (key) =>
      typed(
        key,
        'a list of texts',
        (value): value is readonly string[] =>
          Array.isArray(value) && value.every((one) => typeof one === 'string'),
      ),
    numbers,
    numbersOrNumber: (key) => {
      const value = values.get(key)
      return typeof value === 'number' ? [value] : (numbers(key) ?? [])
    },
    keys: () => values.keys(),
  }
}
