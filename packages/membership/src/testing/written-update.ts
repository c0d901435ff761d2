import * as encoding from 'lib0/encoding'
import { rootName } from '../words/document/grammar.ts'

/** An item of an update, as yjs writes it. */
export interface WrittenItem {
  readonly info: number
  readonly origin?: readonly [client: number, clock: number]
  readonly key?: string
  readonly root?: string
}

/** The first item of a key, and one behind another of the same client. */
export const firstItem = (key: string): WrittenItem => ({ info: 0x23, key })
export const itemAfter = (client: number, clock: number): WrittenItem => ({
  info: 0xa3,
  origin: [client, clock],
})

/** An update written by hand, by the rules or against them. */
export function writtenUpdate(
  client: number,
  clock: number,
  items: readonly WrittenItem[],
  deleted: readonly (readonly [number, number])[] = [],
): Uint8Array {
  const encoder = encoding.createEncoder()
  const number = (value: number): void => encoding.writeVarUint(encoder, value)
  number(items.length === 0 ? 0 : 1)
  if (items.length > 0) for (const value of [items.length, client, clock]) number(value)
  for (const { info, origin, key, root = rootName } of items) {
    encoding.writeUint8(encoder, info)
    if (origin !== undefined) for (const value of origin) number(value)
    if (key !== undefined) {
      number(1)
      encoding.writeVarString(encoder, root)
      encoding.writeVarString(encoder, key)
    }
    encoding.writeVarUint8Array(encoder, Uint8Array.of(1))
  }
  number(deleted.length === 0 ? 0 : 1)
  if (deleted.length > 0) for (const value of [client, deleted.length, ...deleted.flat()]) number(value)
  return encoding.toUint8Array(encoder)
}

/** The dearest update for a reader that the grammar accepts: items of one key, each behind the one before, all deleted. */
export function dearestUpdate(client: number, items: number): Uint8Array {
  const chain = Array.from({ length: items }, (_, at) =>
    at === 0 ? firstItem('a') : itemAfter(client, at - 1),
  )
  return writtenUpdate(client, 0, chain, [[0, items]])
}

/** Items of one key beside each other, which yjs integrates in quadratic time. */
export function quadraticUpdate(client: number, items: number): Uint8Array {
  return writtenUpdate(
    client,
    0,
    Array.from({ length: items }, () => firstItem('a')),
  )
}
