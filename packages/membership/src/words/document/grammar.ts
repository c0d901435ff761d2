import * as decoding from 'lib0/decoding'
import { ShoalError } from '@shoal/host'
import { memberLimits } from '../../limits.ts'

/** Name of the one map in an owner's document. */
export const rootName = 'w'

// Update format 1 of yjs (src/structs/Item.js `write`, src/utils/encoding.js `readClientsStructRefs`).
/** A binary value with its map and its key written out. */
const binaryWithKey = 0b0010_0011
/** A binary value behind another item, of which yjs takes map and key. */
const binaryAfterOrigin = 0b1010_0011

/** Which items an owner's document holds, as far as the next update must fit to them. */
export interface DocumentShape {
  /** Clock of the next item. */
  readonly clock: number
  /** The newest item of each key, deleted ones included. */
  readonly newest: ReadonlyMap<string, number>
}

export const emptyShape: DocumentShape = { clock: 0, newest: new Map() }

/**
 * Reads an update in one linear pass before yjs does, and accepts exactly what an honest owner's document makes: binary
 * values in one flat map, each behind the newest item of its key, with clocks that go on where the document ends, and
 * deletions of the document's own items. There are therefore no concurrent items, whose order yjs would search, and no remains of items that
 * were never here.
 * @param client the yjs client id that belongs to the word
 * @returns the shape of the document after the update
 * @throws {ShoalError} `bad-frame`
 */
export function inspectUpdate(update: Uint8Array, client: number, before: DocumentShape): DocumentShape {
  try {
    const decoder = decoding.createDecoder(update)
    const after = readItems(decoder, client, before)
    readDeleted(decoder, client, after.clock)
    // Beyond the end as well: lib0 reads on into the frame in which the update is a view.
    if (decoder.pos !== update.length) throw refuse('it does not end where its bytes end')
    return after
  } catch (cause) {
    if (cause instanceof ShoalError) throw cause
    throw refuse('it is damaged', cause)
  }
}

function refuse(why: string, cause?: unknown): ShoalError {
  return new ShoalError('bad-frame', `an update was refused: ${why}`, { cause })
}

function readItems(decoder: decoding.Decoder, client: number, before: DocumentShape): DocumentShape {
  const clients = decoding.readVarUint(decoder)
  if (clients === 0) return before
  const itemCount = decoding.readVarUint(decoder)
  if (clients !== 1 || decoding.readVarUint(decoder) !== client)
    throw refuse('it holds items of another client')
  if (itemCount < 1 || itemCount > memberLimits.maxItemsPerWord) throw refuse(`it has ${itemCount} items`)
  if (decoding.readVarUint(decoder) !== before.clock)
    throw refuse('its clocks do not go on from the document')
  const newest = new Map(before.newest)
  const keyAt = new Map([...newest].map(([key, clock]) => [clock, key]))
  const end = before.clock + itemCount
  for (let clock = before.clock; clock < end; clock += 1) {
    const key = readKey(decoder, client, newest, keyAt)
    decoding.readVarUint8Array(decoder)
    newest.set(key, clock)
    keyAt.set(clock, key)
  }
  return { clock: end, newest }
}

/** The key of an item: written out for the first item of a key, and that of the item before it for the others. */
function readKey(
  decoder: decoding.Decoder,
  client: number,
  newest: ReadonlyMap<string, number>,
  keyAt: ReadonlyMap<number, string>,
): string {
  const info = decoding.readUint8(decoder)
  if (info === binaryWithKey) {
    if (decoding.readVarUint(decoder) !== 1 || decoding.readVarString(decoder) !== rootName)
      throw refuse('an item is not in the map')
    const key = decoding.readVarString(decoder)
    if (key.length === 0 || key.length > memberLimits.maxKeyLength) throw refuse('a key has a bad length')
    if (newest.has(key)) throw refuse('an item stands beside another one of its key')
    return key
  }
  if (info !== binaryAfterOrigin) throw refuse(`an item is of kind ${info}`)
  const originClient = decoding.readVarUint(decoder)
  const origin = decoding.readVarUint(decoder)
  const key = originClient === client ? keyAt.get(origin) : undefined
  if (key === undefined || newest.get(key) !== origin)
    throw refuse('an item is not behind the newest one of its key')
  return key
}

/** Ranges in ascending order that do not overlap, so that yjs visits no item twice. */
function readDeleted(decoder: decoding.Decoder, client: number, clock: number): void {
  const clients = decoding.readVarUint(decoder)
  if (clients === 0) return
  if (clients !== 1 || decoding.readVarUint(decoder) !== client)
    throw refuse('it deletes items of another client')
  const ranges = decoding.readVarUint(decoder)
  if (ranges > memberLimits.maxItemsPerWord) throw refuse(`it deletes ${ranges} ranges`)
  let from = 0
  for (let range = 0; range < ranges; range += 1) {
    const start = decoding.readVarUint(decoder)
    const length = decoding.readVarUint(decoder)
    if (start < from || length < 1 || start + length > clock) throw refuse('a deleted range is out of place')
    from = start + length
  }
}
