import { createSerialQueue } from '@shoal/host'
import type { Beat } from '@shoal/protocol'
import type { Replica } from '../document/replica.ts'
import type { MemberGroup, MemberRecord } from '../records/record.ts'
import { sealBeat, sealRecord, type SealedRecord, type Signer } from '../records/seal.ts'

/** What a peer may announce of itself; this package keeps the other fields of its record. */
export type Announcement = Partial<
  Omit<MemberRecord, 'peerId' | 'incarnation' | 'seq' | 'writer' | 'clock' | 'links' | 'group'>
> & {
  /** Null: the peer leads no group any more. */
  readonly group?: MemberGroup | null
}

/** An announcement, with the links that this package measures. */
export type OwnChange = Announcement & { readonly links?: MemberRecord['links'] }

/** The load that a beat carries. */
export interface BeatLoad {
  /** Open sessions. */
  readonly sessions: number
  /** Share of the last interval spent computing, in thousandths. */
  readonly busyPermille: number
}

export interface SelfDependencies {
  readonly peerId: string
  readonly signer: Signer
  readonly replica: Replica
  readonly addresses: () => readonly string[]
}

/** This peer's own record and beats: numbered, signed, and written in the order in which they were announced. */
export class Self {
  load: BeatLoad = { sessions: 0, busyPermille: 0 }
  readonly #parts: SelfDependencies
  readonly #swarm: string
  readonly #writes = createSerialQueue()
  #incarnation: number
  #sealed: SealedRecord | undefined
  /** All announcements merged. Each record is made from it with a new incarnation, `seq`, `writer` and `clock`. */
  #draft: MemberRecord | undefined
  #seq = 0
  #beat = 0

  constructor(dependencies: SelfDependencies, swarm: string, incarnation: number) {
    this.#parts = dependencies
    this.#swarm = swarm
    this.#incarnation = incarnation
  }

  get peerId(): string {
    return this.#parts.peerId
  }

  get incarnation(): number {
    return this.#incarnation
  }

  /** The newest record written; undefined before the first announcement. */
  get sealed(): SealedRecord | undefined {
    return this.#sealed
  }

  /**
   * Merges the change into the record, signs it and writes it into the replica.
   * @returns the update for all neighbours; undefined for an empty change when nothing was ever announced
   * @throws {ShoalError} `limit-exceeded` when the record would be refused by every reader
   */
  announce(change: OwnChange): Promise<Uint8Array | undefined> {
    return this.#writes.run(() => this.#write(change))
  }

  /** Begins the next life: beats and records are numbered anew. */
  raise(incarnation: number): void {
    if (incarnation <= this.#incarnation)
      throw new Error(`incarnation ${incarnation} is not above ${this.#incarnation}`)
    this.#incarnation = incarnation
    this.#seq = 0
    this.#beat = 0
  }

  /** The next beat, signed. */
  beat(): Promise<Beat> {
    this.#beat += 1
    const body = { incarnation: this.#incarnation, beat: this.#beat, ...this.load }
    return sealBeat(this.#parts.signer, this.#swarm, this.peerId, body)
  }

  async #write(change: OwnChange): Promise<Uint8Array | undefined> {
    const { signer, replica, addresses } = this.#parts
    if (this.#draft === undefined && Object.keys(change).length === 0) return undefined
    this.#draft = merged(this.#draft ?? emptyRecord(this.peerId, addresses()), change)
    for (;;) {
      this.#seq += 1
      const place = { writer: replica.writer, clock: replica.clock }
      const record = { ...this.#draft, incarnation: this.#incarnation, seq: this.#seq, ...place }
      const sealed = await sealRecord(signer, this.#swarm, record)
      // Signed again when the document rotated or a new life began meanwhile.
      if (
        place.writer !== replica.writer ||
        place.clock !== replica.clock ||
        record.incarnation !== this.#incarnation
      )
        continue
      this.#sealed = sealed
      return replica.put(sealed)
    }
  }
}

const unmeasured = {
  memoryBytes: 0,
  decodeMicrosPerBlock: 0,
  prefillMicrosPerRowBlock: 0,
  bandwidthBytesPerSecond: 0,
  device: 'none',
  threads: 0,
}

function emptyRecord(peerId: string, addresses: readonly string[]): MemberRecord {
  return {
    peerId,
    incarnation: 0,
    seq: 0,
    writer: 0,
    clock: 0,
    state: 'joining',
    span: null,
    hardware: unmeasured,
    numericClass: 'none',
    addresses,
    version: '',
    links: {},
  }
}

/** A change without `group` leaves it as it is; `null` removes it. */
function merged(record: MemberRecord, change: OwnChange): MemberRecord {
  const { group = record.group, ...rest } = change
  const { group: _former, ...others } = record
  return { ...others, ...rest, ...(group === null || group === undefined ? {} : { group }) }
}
