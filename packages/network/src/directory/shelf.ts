import type { Clock } from '@shoal/host'
import type { DirectoryStats, RecordOrder } from './directory.ts'
import { HeldProviders } from './held-providers.ts'
import { HeldRecords, type Admission } from './held-records.ts'

/**
 * What one peer holds of the directory, by its own clock. A record lives for so long after its *order* was first seen
 * here: sending the same bytes again prolongs nothing, and the order stays known after the record has ended, so that it
 * cannot be brought back. The caller checks the record's signature.
 */
export interface Shelf {
  admit(owner: string, order: RecordOrder, record: Uint8Array): Admission
  /** Null when there is none, or its time is over. */
  record(owner: string): Uint8Array | null
  /** @returns false when this peer has entries under too many topics */
  addProvider(topic: string, peerId: string): boolean
  removeProvider(topic: string, peerId: string): void
  /** The one heard of longest ago first. */
  providers(topic: string): readonly string[]
  counts(): Omit<DirectoryStats, 'peers'>
}

export function createShelf(clock: Clock): Shelf {
  const records = new HeldRecords(clock)
  const providers = new HeldProviders(clock)
  return {
    admit: (owner, order, record) => records.admit(owner, order, record),
    record: (owner) => records.get(owner),
    addProvider: (topic, peerId) => providers.add(topic, peerId),
    removeProvider: (topic, peerId) => providers.remove(topic, peerId),
    providers: (topic) => providers.of(topic),
    counts: () => ({ records: records.count(), entries: providers.count() }),
  }
}
