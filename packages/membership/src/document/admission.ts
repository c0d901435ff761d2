import { ShoalError } from '@shoal/host'
import type { MemberDocument } from './document.ts'
import { isNewer } from '../records/roster.ts'
import type { Roster } from '../records/roster.ts'
import { openRecord, type SealedRecord, type Signer } from '../records/seal.ts'
import type { InspectedUpdate } from './update-grammar.ts'
import { resolveKeys } from './update-keys.ts'

/**
 * Verifies the signature of every value of an update before yjs sees it. A peer that runs this code passes on nothing that
 * it would refuse, so the neighbour that sent a refused update is to blame.
 * @returns the records, in the order of the update's values
 * @throws {ShoalError} `bad-frame`
 */
export async function openValues(
  update: InspectedUpdate,
  signer: Signer,
  swarm: string,
  roster: Roster,
): Promise<readonly SealedRecord[]> {
  const opened: SealedRecord[] = []
  for (const item of update.items) {
    if (item.value === undefined) continue
    // A whole document repeats known records, whose signatures were checked when they first arrived.
    const known = roster.writtenBy(item.client)
    const sealed =
      known !== undefined && equalBytes(known.bytes, item.value)
        ? known
        : await openRecord(signer, swarm, item.value)
    const { peerId, writer, clock } = sealed.record
    if (writer !== item.client || clock !== item.clock)
      throw refuse(`a record of ${peerId} is not where it was written`)
    opened.push(sealed)
  }
  return opened
}

/**
 * Checks what signatures do not cover: an update must put each record under its owner's key, delete no other peer's record,
 * and occupy no clocks of another writer. Must run after {@link openValues}, and in the same turn of the event loop as the
 * update is applied.
 * @throws {ShoalError} `bad-frame`
 */
export function checkPlaces(
  update: InspectedUpdate,
  opened: readonly SealedRecord[],
  document: MemberDocument,
  roster: Roster,
): void {
  const keyOf = resolveKeys(update.items, (id) => document.keyAt(id))
  const byPeer = new Map<string, SealedRecord>()
  let index = 0
  for (const item of update.items) {
    if (item.value === undefined) continue
    const sealed = opened[index]
    index += 1
    if (sealed === undefined) throw new Error('the opened values belong to another update')
    const key = keyOf(item)
    // An item without a key builds on items that are missing here, and is not applied.
    if (key !== undefined && key !== sealed.record.peerId)
      throw refuse(`a record of ${sealed.record.peerId} stands under another key`)
    const before = byPeer.get(sealed.record.peerId)
    if (before === undefined || isNewer(sealed.record, before.record))
      byPeer.set(sealed.record.peerId, sealed)
  }
  for (const key of document.keysDeletedBy(update.deleted)) {
    if (!byPeer.has(key)) throw refuse(`it deletes the record of ${key}`)
  }
  const written = lastValues(update)
  for (const item of update.items) {
    if (item.value !== undefined) continue
    // The last item of a living writer is its record, at a clock that its owner signed. Clocks below it are the owner's
    // earlier items, even where the document lacks them because an update was put off. Remains beyond that clock would
    // occupy the clock of the owner's next record. They are in order only when the owner has a newer record under another
    // writer, as after a restart: then this writer's last value is overwritten too.
    const owner = roster.writtenBy(item.client)
    if (
      owner === undefined ||
      item.clock + item.length <=
        Math.max(document.clockOf(item.client), owner.record.clock, written.get(item.client) ?? 0)
    )
      continue
    const successor = byPeer.get(owner.record.peerId)
    if (successor === undefined || !isNewer(successor.record, owner.record))
      throw refuse(`it takes clocks of ${owner.record.peerId}`)
  }
}

/** Clock of each client's last value in an update. */
function lastValues(update: InspectedUpdate): ReadonlyMap<number, number> {
  const last = new Map<number, number>()
  for (const { client, clock, value } of update.items)
    if (value !== undefined) last.set(client, Math.max(clock, last.get(client) ?? 0))
  return last
}

function refuse(why: string): ShoalError {
  return new ShoalError('bad-frame', `a membership update was refused: ${why}`)
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
