import * as decoding from 'lib0/decoding'
import { ShoalError } from '@shoal/host'
import { limits } from '@shoal/protocol'
import { memberLimits } from '../limits.ts'

export interface ItemId {
  readonly client: number
  readonly clock: number
}

/** One item of an update: a value written to the map, or the remains of an overwritten one (a tombstone of yjs). */
export interface UpdateItem extends ItemId {
  readonly length: number
  /** The map's key; absent when yjs leaves it out because it can be found through `neighbour`. */
  readonly key: string | undefined
  /** Id of the left or right origin, an item with the same key. Not a neighbouring peer. */
  readonly neighbour: ItemId | undefined
  /** The value; undefined for remains. A view into the update. */
  readonly value: Uint8Array | undefined
}

export interface DeletedRange extends ItemId {
  readonly length: number
}

export interface InspectedUpdate {
  readonly items: readonly UpdateItem[]
  readonly deleted: readonly DeletedRange[]
}

/** Name of the one map in the document. */
export const rootName = 'peers'

// Update format 1 of yjs (src/structs/Item.js `write`, src/utils/encoding.js `readClientsStructRefs`).
const contentMask = 0b0001_1111
const hasKey = 0b0010_0000
const hasRightOrigin = 0b0100_0000
const hasOrigin = 0b1000_0000
const contentDeleted = 1
const contentBinary = 3

/**
 * Parses an update before yjs does, and accepts only what the membership document can contain: binary values and the
 * remains of overwritten ones, in one flat map and in bounded numbers. Nested types, text, gaps and garbage-collected
 * ranges are refused. An update therefore cannot make yjs allocate without bound, and every value can be verified before
 * it is applied.
 * @throws {ShoalError} `bad-frame`
 */
export function inspectUpdate(update: Uint8Array): InspectedUpdate {
  if (update.length > limits.maxMembershipUpdateBytes)
    throw refuse(`${update.length} bytes are over the limit`)
  try {
    const decoder = decoding.createDecoder(update)
    const items = readItems(decoder)
    const deleted = readDeleted(decoder)
    if (decoding.hasContent(decoder)) throw refuse('bytes follow its end')
    return { items, deleted }
  } catch (cause) {
    if (cause instanceof ShoalError) throw cause
    throw refuse('it is damaged', cause)
  }
}

function refuse(why: string, cause?: unknown): ShoalError {
  return new ShoalError('bad-frame', `a membership update was refused: ${why}`, { cause })
}

function readItems(decoder: decoding.Decoder): UpdateItem[] {
  const items: UpdateItem[] = []
  const clientCount = decoding.readVarUint(decoder)
  for (let client = 0; client < clientCount; client += 1) {
    const itemCount = decoding.readVarUint(decoder)
    if (itemCount > memberLimits.maxStructsPerUpdate - items.length) throw refuse('it has too many items')
    const id = decoding.readVarUint(decoder)
    if (id > 0xffffffff) throw refuse('a client id is not a 32-bit number')
    let clock = decoding.readVarUint(decoder)
    for (let index = 0; index < itemCount; index += 1) {
      const item = readItem(decoder, id, clock)
      items.push(item)
      clock += item.length
      if (!Number.isSafeInteger(clock)) throw refuse('a clock overflows')
    }
  }
  return items
}

function readItem(decoder: decoding.Decoder, client: number, clock: number): UpdateItem {
  const info = decoding.readUint8(decoder)
  const origin = (info & hasOrigin) === 0 ? undefined : readId(decoder)
  const rightOrigin = (info & hasRightOrigin) === 0 ? undefined : readId(decoder)
  const neighbour = origin ?? rightOrigin
  let key: string | undefined
  if (neighbour === undefined) {
    if (decoding.readVarUint(decoder) !== 1 || decoding.readVarString(decoder) !== rootName)
      throw refuse('an item is not in the map of peers')
    if ((info & hasKey) === 0) throw refuse('an item has no key')
    key = decoding.readVarString(decoder)
    if (key.length > memberLimits.maxPeerIdLength) throw refuse('a key is too long for a peer id')
  }
  switch (info & contentMask) {
    case contentDeleted: {
      const length = decoding.readVarUint(decoder)
      if (length < 1) throw refuse('an item is empty')
      return { client, clock, length, key, neighbour, value: undefined }
    }
    case contentBinary:
      return { client, clock, length: 1, key, neighbour, value: decoding.readVarUint8Array(decoder) }
    default:
      throw refuse(`it holds content of kind ${info & contentMask}`)
  }
}

function readId(decoder: decoding.Decoder): ItemId {
  return { client: decoding.readVarUint(decoder), clock: decoding.readVarUint(decoder) }
}

function readDeleted(decoder: decoding.Decoder): DeletedRange[] {
  const deleted: DeletedRange[] = []
  const clientCount = decoding.readVarUint(decoder)
  for (let index = 0; index < clientCount; index += 1) {
    const client = decoding.readVarUint(decoder)
    const rangeCount = decoding.readVarUint(decoder)
    if (rangeCount > memberLimits.maxDeletesPerUpdate - deleted.length)
      throw refuse('it deletes too many ranges')
    for (let range = 0; range < rangeCount; range += 1) {
      const clock = decoding.readVarUint(decoder)
      const length = decoding.readVarUint(decoder)
      if (length < 1) throw refuse('a deleted range is empty')
      deleted.push({ client, clock, length })
    }
  }
  return deleted
}
