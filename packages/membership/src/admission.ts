import { ShoalError } from '@shoal/host'
import type { MemberDocument } from './document.ts'
import { isNewer } from './roster.ts'
import type { Roster } from './roster.ts'
import { openRecord, type SealedRecord, type Signer } from './seal.ts'
import type { InspectedUpdate } from './update-grammar.ts'
import { resolveKeys } from './update-keys.ts'

/**
 * Verifies every value of an update before yjs sees it. A peer that runs this code never passes on what it would
 * refuse, so a refusal names its culprit: the neighbour that sent it.
 * @throws {ShoalError} `bad-frame`
 */
export async function openValues(update: InspectedUpdate, signer: Signer, document: string, roster: Roster): Promise<readonly SealedRecord[]> {
  const opened: SealedRecord[] = []
  for (const item of update.items) {
    if (item.value === undefined) continue
    // A whole document repeats what is known; its signatures were checked when it came.
    const known = roster.writtenBy(item.client)
    const sealed = known !== undefined && equalBytes(known.bytes, item.value) ? known : await openRecord(signer, document, item.value)
    if (sealed.record.writer !== item.client) throw refuse(`${sealed.record.peerId} signed for another writer`)
    opened.push(sealed)
  }
  return opened
}

/**
 * What signatures cannot say: the update puts each record under its owner's key, deletes nobody, and takes nobody's
 * place in the document's clocks. Runs in the same turn as the application, after {@link openValues}.
 * @throws {ShoalError} `bad-frame`
 */
export function checkPlaces(update: InspectedUpdate, opened: readonly SealedRecord[], document: MemberDocument, roster: Roster): void {
  const keyOf = resolveKeys(update.items, (id) => document.keyAt(id))
  const byPeer = new Map<string, SealedRecord>()
  let index = 0
  for (const item of update.items) {
    if (item.value === undefined) continue
    const sealed = opened[index]
    index += 1
    if (sealed === undefined) throw new Error('values were opened of another update')
    const key = keyOf(item)
    // Without a key it builds on items we lack, and is not applied.
    if (key !== undefined && key !== sealed.record.peerId) throw refuse(`a record of ${sealed.record.peerId} stands under another key`)
    const before = byPeer.get(sealed.record.peerId)
    if (before === undefined || isNewer(sealed.record, before.record)) byPeer.set(sealed.record.peerId, sealed)
  }
  for (const key of document.keysDeletedBy(update.deleted)) {
    if (!byPeer.has(key)) throw refuse(`it deletes the record of ${key}`)
  }
  for (const item of update.items) {
    if (item.value !== undefined) continue
    // The last item of a living writer is its record; remains beyond what it wrote would block its next one.
    const owner = roster.writtenBy(item.client)
    if (owner === undefined || item.clock + item.length <= document.clockOf(item.client)) continue
    const successor = byPeer.get(owner.record.peerId)
    if (successor === undefined || !isNewer(successor.record, owner.record)) throw refuse(`it takes clocks of ${owner.record.peerId}`)
  }
}

function refuse(why: string): ShoalError {
  return new ShoalError('bad-frame', `a membership update was refused: ${why}`)
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
