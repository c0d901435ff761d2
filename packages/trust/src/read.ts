import { messageOf, ShoalError } from '@shoal/host'
import { decode } from 'cborg'
import { limits } from './limits.ts'

export const badFrame = (sentence: string): ShoalError => new ShoalError('bad-frame', sentence)

/** Checked access to the items of one CBOR list. Every method throws `bad-frame` with the names of list and item. */
export class Items {
  readonly #name: string
  readonly #items: readonly unknown[]

  constructor(name: string, value: unknown, length: number) {
    if (!Array.isArray(value) || value.length !== length)
      throw badFrame(`${name} must be a list of ${length} items`)
    this.#name = name
    this.#items = value
  }

  at(index: number): unknown {
    return this.#items[index]
  }

  bytes(index: number, length: number): Uint8Array {
    const value = this.#items[index]
    if (!(value instanceof Uint8Array) || value.length !== length)
      throw badFrame(`${this.#name}[${index}] must be ${length} bytes`)
    return value
  }

  bytesUpTo(index: number, most: number): Uint8Array {
    const value = this.#items[index]
    if (!(value instanceof Uint8Array) || value.length > most)
      throw badFrame(`${this.#name}[${index}] must be at most ${most} bytes`)
    return value
  }

  text(index: number, most: number): string {
    const value = this.#items[index]
    if (typeof value !== 'string' || value.length > most)
      throw badFrame(`${this.#name}[${index}] must be text of at most ${most} characters`)
    return value
  }

  integer(index: number, least: number, most: number): number {
    const value = this.#items[index]
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most)
      throw badFrame(`${this.#name}[${index}] must be an integer from ${least} to ${most}`)
    return value
  }

  seconds(index: number): number {
    return this.integer(index, 0, limits.maxSeconds)
  }

  choice<Choice extends string>(index: number, choices: readonly Choice[]): Choice {
    const value = this.#items[index]
    const choice = choices.find((candidate) => candidate === value)
    if (choice === undefined) throw badFrame(`${this.#name}[${index}] must be one of ${choices.join(', ')}`)
    return choice
  }

  list<Item>(index: number, most: number, read: (value: unknown) => Item): readonly Item[] {
    const value = this.#items[index]
    if (!Array.isArray(value) || value.length > most)
      throw badFrame(`${this.#name}[${index}] must be a list of at most ${most} items`)
    return value.map(read)
  }
}

/** One CBOR value of at most `most` bytes. @throws {ShoalError} `bad-frame` */
export function decodeValue(name: string, bytes: Uint8Array, most: number): unknown {
  if (bytes.length > most) throw badFrame(`${name} has ${bytes.length} bytes, at most ${most} are allowed`)
  try {
    const value: unknown = decode(bytes, { rejectDuplicateMapKeys: true })
    return value
  } catch (error) {
    // Hostile bytes may provoke any error inside the decoder.
    throw new ShoalError('bad-frame', `${name} is not CBOR: ${messageOf(error)}`, { cause: error })
  }
}
