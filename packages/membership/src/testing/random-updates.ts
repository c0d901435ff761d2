import type { Random } from '@shoal/host'
import * as encoding from 'lib0/encoding'
import { rootName } from '../words/document/grammar.ts'

/** A value for an update, and the place at which an honest document would hold it. */
export interface PlacedValue {
  readonly key: string
  readonly client: number
  readonly clock: number
  readonly bytes: Uint8Array
}

/** Picks integers and elements by one source of chance. */
export interface Dice {
  /** Uniform in [0, below). */
  below(below: number): number
  pick<Value>(from: readonly Value[]): Value
  /** True once in `times`. */
  once(times: number): boolean
}

export function createDice(random: Random): Dice {
  const below = (limit: number): number => Math.floor(random.unit() * limit)
  return {
    below,
    pick: (from) => from[below(from.length)]!,
    once: (times) => below(times) === 0,
  }
}

const originBit = 0b1000_0000
const rightOriginBit = 0b0100_0000
const keyBit = 0b0010_0000
const contents = { garbage: 0, deleted: 1, binary: 3, skip: 10 }

/**
 * An update in yjs's format 1 that mostly parses but makes no sense: items with any origins, tombstones of any length,
 * clocks with gaps and overlaps, deletions of items that were never written.
 */
export function nonsenseUpdate(dice: Dice, values: readonly PlacedValue[]): Uint8Array {
  const clients = [...new Set(values.map(({ client }) => client))]
  const encoder = encoding.createEncoder()
  const number = (value: number): void => encoding.writeVarUint(encoder, value)
  const id = (): void => {
    number(dice.pick(clients))
    number(dice.below(6))
  }
  const sections = 1 + dice.below(3)
  number(sections)
  for (let section = 0; section < sections; section += 1) {
    const client = dice.pick(clients)
    const items = dice.below(5)
    number(items)
    number(client)
    let clock = dice.once(2) ? 0 : dice.below(6)
    number(clock)
    for (let item = 0; item < items; item += 1) clock += writeItem(client, clock)
  }
  writeDeletes()
  return encoding.toUint8Array(encoder)

  function writeItem(client: number, clock: number): number {
    const value = values.find((candidate) => candidate.client === client && candidate.clock === clock)
    const content = dice.once(20)
      ? dice.pick([contents.garbage, contents.skip])
      : value === undefined || dice.once(4)
        ? contents.deleted
        : contents.binary
    const origins = dice.pick([0, 0, originBit, rightOriginBit, originBit | rightOriginBit])
    const info = content | origins | (origins === 0 ? keyBit : 0)
    encoding.writeUint8(encoder, info)
    if ((origins & originBit) !== 0) id()
    if ((origins & rightOriginBit) !== 0) id()
    if (origins === 0) {
      number(1)
      encoding.writeVarString(encoder, rootName)
      encoding.writeVarString(encoder, value?.key ?? dice.pick(values).key)
    }
    if (content === contents.binary && value !== undefined) {
      encoding.writeVarUint8Array(encoder, value.bytes)
      return 1
    }
    const length = dice.once(10) ? 2 ** (20 + dice.below(33)) : 1 + dice.below(3)
    number(length)
    return length
  }

  function writeDeletes(): void {
    const count = dice.below(3)
    number(count)
    for (let section = 0; section < count; section += 1) {
      number(dice.pick(clients))
      const ranges = dice.below(3)
      number(ranges)
      for (let range = 0; range < ranges; range += 1) {
        number(dice.below(8))
        number(dice.once(10) ? 2 ** (20 + dice.below(33)) : dice.below(4))
      }
    }
  }
}

/** A copy with one to three damages: changed, inserted, removed or repeated bytes, or another update's end. */
export function damaged(dice: Dice, update: Uint8Array, other: Uint8Array): Uint8Array {
  let bytes = [...update]
  for (let times = 1 + dice.below(3); times > 0; times -= 1) {
    const at = dice.below(bytes.length + 1)
    switch (dice.below(6)) {
      case 0:
        if (at < bytes.length) bytes[at] = dice.below(256)
        break
      case 1:
        // Small numbers are counts, clocks and lengths.
        if (at < bytes.length) bytes[at] = dice.below(8)
        break
      case 2:
        bytes.splice(at, 0, dice.below(256))
        break
      case 3:
        bytes.splice(at, 1 + dice.below(4))
        break
      case 4:
        bytes.splice(at, 0, ...bytes.slice(at, at + dice.below(16)))
        break
      default:
        bytes = [...bytes.slice(0, at), ...other.slice(dice.below(other.length + 1))]
    }
  }
  return Uint8Array.from(bytes)
}
