import type { Random } from '@shoal/host'
import { limits } from '@shoal/protocol'
import { createRoster, type Roster } from '../records/roster.ts'
import type { SealedRecord, Signer } from '../records/seal.ts'
import { checkPlaces, equalBytes, openValues } from './admission.ts'
import { documentAge, documentName, rotationIn, type DocumentAge } from './document-name.ts'
import { MemberDocument } from './document.ts'
import { inspectUpdate } from './update-grammar.ts'

/** What an update from a neighbour brought. */
export interface Received {
  /** Records that are newer than what was known. */
  readonly accepted: readonly SealedRecord[]
  /** What the other neighbours may lack; absent when nothing was new. */
  readonly novel: Uint8Array | undefined
  /** The update builds on items that are missing here, so the neighbour must be asked for its state. */
  readonly incomplete: boolean
}

export interface ReplicaDependencies {
  readonly signer: Signer
  readonly random: Random
  /** Whether a newcomer may take this member's place in a full roster. */
  readonly isGone: (peer: string) => boolean
}

/**
 * This peer's copy of the membership document, with the records that are believed. A document that has grown is replaced
 * by a fresh one with the next number; every owner writes its own record into it, and records without an owner stay behind.
 */
export class Replica {
  readonly roster: Roster = createRoster(limits.maxMembers)
  readonly #signer: Signer
  readonly #random: Random
  readonly #isGone: (peer: string) => boolean
  readonly #swarm: string
  readonly #rotateAtBytes: number
  #rotation = 0
  #document: MemberDocument
  /** Bytes of the updates that were applied since the document was last measured. */
  #grownBytes = 0

  /** @param rotateAtBytes the document is never overgrown below this size */
  constructor({ signer, random, isGone }: ReplicaDependencies, swarm: string, rotateAtBytes: number) {
    this.#signer = signer
    this.#random = random
    this.#isGone = isGone
    this.#swarm = swarm
    this.#rotateAtBytes = rotateAtBytes
    this.#document = this.#fresh()
  }

  /** `<manifest id>/<rotation>`. */
  get name(): string {
    return this.#document.name
  }

  /** This peer's yjs client id; it changes with a rotation, and when another peer has used it. */
  get writer(): number {
    return this.#document.writer
  }

  /** The clock of this peer's next item. */
  get clock(): number {
    return this.#document.clockOf(this.#document.writer)
  }

  /** Whether the document holds this record under its owner's key; true for no record. */
  shows(own: SealedRecord | undefined): boolean {
    if (own === undefined) return true
    const shown = this.#document.get(own.record.peerId)
    return shown !== undefined && equalBytes(shown, own.bytes)
  }

  stateVector(): Uint8Array {
    return this.#document.stateVector()
  }

  /** What a peer with this state vector lacks. @throws {Error} for bytes that are no state vector */
  missing(stateVector: Uint8Array): Uint8Array {
    return this.#document.missing(stateVector)
  }

  /** @throws {ShoalError} `bad-frame` for an update that no honest neighbour would send */
  async receive(update: Uint8Array): Promise<Received> {
    const inspected = inspectUpdate(update)
    const into = this.#document
    const opened = await openValues(inspected, this.#signer, this.#swarm, this.roster)
    // The document rotated meanwhile: owners will write all records into the new one.
    if (into !== this.#document) return { accepted: [], novel: undefined, incomplete: false }
    // yjs would keep the items for later and apply the deletions at once. Passed on, these alone look like an attack
    // on the record that the missing item replaces, and the neighbours would blame an honest peer.
    if (into.buildsOnMissing(inspected))
      return { accepted: this.#believe(opened), novel: undefined, incomplete: true }
    if (into.has(inspected)) return { accepted: this.#believe(opened), novel: undefined, incomplete: false }
    checkPlaces(inspected, opened, into, this.roster)
    const { novel, incomplete } = into.apply(update)
    this.#grownBytes += novel?.length ?? 0
    // A value that loses on arrival to one that is here already is deleted at once, and what yjs reports of that does
    // not hold the winner. A neighbour that lacks the winner would take the deletion for an attack. It gets both from a
    // state answer instead.
    const explained = novel !== undefined && into.explainsDeletions(inspectUpdate(novel))
    return { accepted: this.#believe(opened), novel: explained ? novel : undefined, incomplete }
  }

  /** Writes this peer's own record. @returns the update for all neighbours */
  put(sealed: SealedRecord): Uint8Array {
    this.roster.accept(sealed, this.#isGone)
    const update = this.#document.set(sealed.record.peerId, sealed.bytes)
    this.#grownBytes += update.length
    return update
  }

  ageOf(name: string): DocumentAge {
    return documentAge(this.#swarm, this.#rotation, name)
  }

  /** Replaces the document by an empty one with the given name, or with the next number. */
  rotate(name?: string): void {
    const named = name === undefined ? undefined : rotationIn(this.#swarm, name)
    this.#rotation = named ?? this.#rotation + 1
    this.#document.destroy()
    this.#document = this.#fresh()
    this.#grownBytes = 0
  }

  /**
   * Whether the document has grown beyond `rotateAtBytes`, and beyond three times the records of the members that are
   * here. Measuring encodes the whole document, so it is done only after a quarter of `rotateAtBytes` has been applied.
   */
  isOvergrown(): boolean {
    if (this.#grownBytes < this.#rotateAtBytes / 4) return false
    this.#grownBytes = 0
    const recordBytes = this.roster
      .all()
      .filter(({ record }) => !this.#isGone(record.peerId))
      .reduce((sum, { bytes }) => sum + bytes.length, 0)
    return this.#document.byteLength() > Math.max(this.#rotateAtBytes, 3 * recordBytes)
  }

  byteLength(): number {
    return this.#document.byteLength()
  }

  close(): void {
    this.#document.destroy()
  }

  #fresh(): MemberDocument {
    return new MemberDocument(documentName(this.#swarm, this.#rotation), this.#random.uint32())
  }

  /** The owner's signature and its numbering decide which record is believed, whichever one yjs shows under the key. */
  #believe(opened: readonly SealedRecord[]): readonly SealedRecord[] {
    return opened.filter((sealed) => this.roster.accept(sealed, this.#isGone))
  }
}
