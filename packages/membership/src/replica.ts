import type { Random } from '@shoal/host'
import { limits } from '@shoal/protocol'
import { checkPlaces, equalBytes, openValues } from './admission.ts'
import { createMemberDocument, type MemberDocument } from './document.ts'
import { memberLimits } from './limits.ts'
import { createRoster, type Roster } from './roster.ts'
import type { SealedRecord, Signer } from './seal.ts'
import { inspectUpdate } from './update-grammar.ts'

/** What an update from a neighbour brought. */
export interface Received {
  /** Records that are newer than what was known. */
  readonly accepted: readonly SealedRecord[]
  /** What the other neighbours may lack; absent when nothing was new. */
  readonly novel: Uint8Array | undefined
  /** The neighbour's whole state is needed. */
  readonly incomplete: boolean
}

/** How a document named in a message relates to ours. */
export type DocumentAge = 'same' | 'older' | 'newer' | 'foreign'

/**
 * Our copy of the membership document with what readers believe of it. Documents rotate: a fresh one, named by the next
 * number, replaces one that has grown; every owner writes its own record into it, and what nobody owns stays behind.
 */
export interface Replica {
  readonly roster: Roster
  /** `<manifest id>/<rotation>`. */
  readonly name: string
  /** Our yjs client id; another one after a rotation, or after somebody has used ours. */
  readonly writer: number
  /** Of our next item. */
  readonly clock: number
  /** Whether the document holds this record under its owner's key; true for none. */
  shows(own: SealedRecord | undefined): boolean
  stateVector(): Uint8Array
  missing(stateVector: Uint8Array): Uint8Array
  /** @throws {ShoalError} `bad-frame` for an update that no honest neighbour would send */
  receive(update: Uint8Array): Promise<Received>
  /** Writes our own record. @returns the update for all neighbours */
  put(sealed: SealedRecord): Uint8Array
  ageOf(name: string): DocumentAge
  /** Replaces the document by the one named, or by the next. */
  rotate(name?: string): void
  /** Whether the document has grown beyond its members' records. */
  isOvergrown(): boolean
  byteLength(): number
  close(): void
}

export interface ReplicaDependencies {
  readonly signer: Signer
  readonly random: Random
  /** Members whose place a newcomer may take. */
  readonly isGone: (peer: string) => boolean
}

export function createReplica(
  { signer, random, isGone }: ReplicaDependencies,
  swarm: string,
  rotateAtBytes: number,
): Replica {
  const roster = createRoster(limits.maxMembers)
  let rotation = 0
  let grownBytes = 0
  const fresh = (): MemberDocument => createMemberDocument(`${swarm}/${rotation}`, random.uint32())
  let document = fresh()
  const nothing: Received = { accepted: [], novel: undefined, incomplete: false }

  return {
    roster,
    get name() {
      return document.name
    },
    get writer() {
      return document.writer
    },
    get clock() {
      return document.clockOf(document.writer)
    },
    shows(own) {
      if (own === undefined) return true
      const shown = document.get(own.record.peerId)
      return shown !== undefined && equalBytes(shown, own.bytes)
    },
    stateVector: () => document.stateVector(),
    missing: (stateVector) => document.missing(stateVector),
    async receive(update) {
      const inspected = inspectUpdate(update)
      const into = document
      const opened = await openValues(inspected, signer, swarm, roster)
      // Rotated in the meantime: the sender will say it all again in the new document.
      if (into !== document) return nothing
      // yjs would keep the items for later and apply the deletions at once. Passed on, these alone look like an attack
      // on the record that the missing item replaces, and the neighbours would blame an honest peer.
      if (document.buildsOnMissing(inspected)) {
        const accepted = opened.filter((sealed) => roster.accept(sealed, isGone))
        return { accepted, novel: undefined, incomplete: true }
      }
      const repeated = document.has(inspected)
      if (!repeated) checkPlaces(inspected, opened, document, roster)
      const { novel, incomplete } = repeated
        ? { novel: undefined, incomplete: false }
        : document.apply(update)
      grownBytes += novel?.length ?? 0
      // Whatever yjs shows under the key: the owner's signature and order decide what is believed.
      const accepted = opened.filter((sealed) => roster.accept(sealed, isGone))
      return { accepted, novel, incomplete }
    },
    put(sealed) {
      roster.accept(sealed, isGone)
      const update = document.set(sealed.record.peerId, sealed.bytes)
      grownBytes += update.length
      return update
    },
    ageOf(name) {
      const [manifest, number, ...rest] = name.split('/')
      const theirs = Number(number)
      if (
        manifest !== swarm ||
        rest.length > 0 ||
        !Number.isSafeInteger(theirs) ||
        String(theirs) !== number ||
        theirs < 0
      )
        return 'foreign'
      if (theirs > rotation + memberLimits.maxRotationJump) return 'foreign'
      return theirs === rotation ? 'same' : theirs < rotation ? 'older' : 'newer'
    },
    rotate(name) {
      rotation = name === undefined ? rotation + 1 : Number(name.split('/')[1])
      document.destroy()
      document = fresh()
      grownBytes = 0
    },
    isOvergrown() {
      // Measuring encodes the whole document: only after enough has come in since the last time.
      if (grownBytes < rotateAtBytes / 4) return false
      grownBytes = 0
      const recordBytes = roster
        .all()
        .reduce((sum, sealed) => sum + (isGone(sealed.record.peerId) ? 0 : sealed.bytes.length), 0)
      return document.byteLength() > Math.max(rotateAtBytes, 3 * recordBytes)
    },
    byteLength: () => document.byteLength(),
    close: () => document.destroy(),
  }
}
