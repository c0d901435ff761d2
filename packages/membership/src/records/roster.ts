import type { MemberRecord } from './record.ts'
import type { SealedRecord } from './seal.ts'

/** The newest verified record of each peer. Readers believe these, whatever the document holds. */
export interface Roster {
  get(peer: string): SealedRecord | undefined
  /**
   * Takes a record that is newer than the known one. In a full roster a newcomer takes the place of a peer that is gone.
   * @returns whether the record was taken
   */
  accept(sealed: SealedRecord, isGone: (peer: string) => boolean): boolean
  /** Sorted by peer id. */
  all(): readonly SealedRecord[]
  /** The peer whose newest record was written with this yjs client id. */
  writtenBy(writer: number): SealedRecord | undefined
  readonly size: number
}

/** Whether a record replaces another of the same owner: it is of a later life, or later in the same life. */
export function isNewer(candidate: MemberRecord, known: MemberRecord): boolean {
  if (candidate.incarnation !== known.incarnation) return candidate.incarnation > known.incarnation
  return candidate.seq > known.seq
}

export function createRoster(membersMax: number): Roster {
  const records = new Map<string, SealedRecord>()
  const writers = new Map<number, string>()

  const remove = (peer: string): void => {
    const known = records.get(peer)
    if (known === undefined) return
    records.delete(peer)
    if (writers.get(known.record.writer) === peer) writers.delete(known.record.writer)
  }

  return {
    get: (peer) => records.get(peer),
    accept(sealed, isGone) {
      const peer = sealed.record.peerId
      const known = records.get(peer)
      if (known !== undefined && !isNewer(sealed.record, known.record)) return false
      if (known === undefined && records.size >= membersMax) {
        const gone = [...records.keys()].find(isGone)
        if (gone === undefined) return false
        remove(gone)
      }
      remove(peer)
      records.set(peer, sealed)
      writers.set(sealed.record.writer, peer)
      return true
    },
    all: () => [...records.values()].sort((a, b) => (a.record.peerId < b.record.peerId ? -1 : 1)),
    writtenBy(writer) {
      const peer = writers.get(writer)
      return peer === undefined ? undefined : records.get(peer)
    },
    get size() {
      return records.size
    },
  }
}
