import { createSerialQueue } from '@shoal/host'
import type { MemberGroup, MemberRecord } from './record.ts'
import type { Replica } from './replica.ts'
import { sealBeat, sealRecord, type SealedRecord, type Signer } from './seal.ts'
import type { Beat } from '@shoal/protocol'

/** What a peer may say of itself; the rest of its record is kept by this package. */
export type Announcement = Partial<
  Omit<MemberRecord, 'peerId' | 'incarnation' | 'seq' | 'writer' | 'clock' | 'links' | 'group'>
> & {
  /** Null: it leads none any more. */
  readonly group?: MemberGroup | null
}

/** Numbers of the beats. */
export interface BeatLoad {
  /** Open sessions. */
  readonly sessions: number
  /** Share of the last interval spent computing, in thousandths. */
  readonly busyPermille: number
}

/** Our own record and beats: numbered, signed, and written in the order in which they were said. */
export interface Self {
  readonly peerId: string
  readonly incarnation: number
  /** The newest record written; undefined before the first announcement. */
  readonly sealed: SealedRecord | undefined
  load: BeatLoad
  /** Merges, signs, writes. @returns the update for all neighbours; undefined when nothing was ever announced */
  announce(patch: Announcement & { readonly links?: MemberRecord['links'] }): Promise<Uint8Array | undefined>
  /** The next life begins: beats and records count anew. */
  raise(incarnation: number): void
  beat(): Promise<Beat>
}

const unmeasured = {
  memoryBytes: 0,
  decodeMicrosPerBlock: 0,
  prefillMicrosPerRowBlock: 0,
  bandwidthBytesPerSecond: 0,
  device: 'none',
  threads: 0,
}

export interface SelfDependencies {
  readonly peerId: string
  readonly signer: Signer
  readonly replica: Replica
  readonly addresses: () => readonly string[]
}

export function createSelf(
  { peerId, signer, replica, addresses }: SelfDependencies,
  swarm: string,
  firstIncarnation: number,
): Self {
  let incarnation = firstIncarnation
  let sealed: SealedRecord | undefined
  let draft: MemberRecord | undefined
  let seq = 0
  let beat = 0
  const writes = createSerialQueue()

  const write = async (
    patch: Announcement & { readonly links?: MemberRecord['links'] },
  ): Promise<Uint8Array | undefined> => {
    if (draft === undefined && Object.keys(patch).length === 0) return undefined
    draft ??= {
      peerId,
      incarnation,
      seq,
      writer: 0,
      clock: 0,
      state: 'joining',
      span: null,
      hardware: unmeasured,
      numericClass: 'none',
      addresses: addresses(),
      version: '',
      links: {},
    }
    const { group = draft.group, ...rest } = patch
    const { group: _former, ...others } = draft
    draft = { ...others, ...rest, ...(group === null || group === undefined ? {} : { group }) }
    for (;;) {
      seq += 1
      const record = { ...draft, incarnation, seq, writer: replica.writer, clock: replica.clock }
      const next = await sealRecord(signer, swarm, record)
      // The document rotated, or a new life began, while we signed.
      if (
        record.writer !== replica.writer ||
        record.clock !== replica.clock ||
        record.incarnation !== incarnation
      )
        continue
      sealed = next
      return replica.put(next)
    }
  }

  return {
    peerId,
    get incarnation() {
      return incarnation
    },
    get sealed() {
      return sealed
    },
    load: { sessions: 0, busyPermille: 0 },
    announce: (patch) => writes.run(() => write(patch)),
    raise(next) {
      if (next <= incarnation) throw new Error(`incarnation ${next} is not above ${incarnation}`)
      incarnation = next
      seq = 0
      beat = 0
    },
    beat() {
      beat += 1
      return sealBeat(signer, swarm, peerId, { incarnation, beat, ...this.load })
    },
  }
}
