import type { Clock, Logger, Random } from '@shoal/host'
import type { Transport } from '@shoal/network'
import type { Liveness } from './liveness/liveness.ts'
import type { Conduct } from './neighbours/conduct.ts'
import type { PeerLoad } from '@shoal/protocol'
import type { Announcement } from './own/self.ts'
import type { MemberRecord } from './records/record.ts'
import type { Snapshot } from './snapshot.ts'

/** A peer as this observer sees it. */
export interface Member {
  readonly record: MemberRecord
  readonly liveness: Liveness
  /** From its newest beat, or from that of a neighbour; null when none has told it lately. */
  readonly load: PeerLoad | null
}

/**
 * A change in what this observer holds of another peer. `peer-joined`: it is alive for the first time in this
 * incarnation.
 */
export interface PeerEvent {
  readonly type: 'peer-joined' | 'peer-suspected' | 'peer-dead' | 'peer-left'
  readonly peer: string
  readonly incarnation: number
}

/**
 * The named incarnation of this peer is over. `stood-still`: the peer stood still for longer than its lease. `held-dead`:
 * others hold it dead, or it alone holds others dead, although it lost nothing and may keep its sessions. `older-record`: a record of the same key
 * has a number that is not below this process's. Listeners drop what ended with the incarnation before they return; the
 * next one is announced after that.
 */
export interface SelfExpired {
  readonly type: 'self-expired'
  readonly incarnation: number
  readonly next: number
  readonly cause: 'stood-still' | 'held-dead' | 'older-record'
}

/** A neighbour misbehaved so often (`memberLimits.maxMisbehaviour`) that its channel was ended for a while. */
export interface PeerShutOut {
  readonly type: 'peer-shut-out'
  readonly peer: string
  readonly why: string
}

export type MembershipEvent = PeerEvent | SelfExpired | PeerShutOut

export interface Membership {
  /** Begins to beat and to exchange words with every connected peer. */
  start(): void
  /** Changes this peer's own record; the first announcement makes it a member. After many changes in a short time the next ones wait for a common word. */
  announce(patch: Announcement): Promise<void>
  /** Sets the load that the next beats carry. */
  setLoad(load: PeerLoad): void
  /** Announces the state `left`, after which others stop routing here at once. Beats end. */
  leave(): Promise<void>
  /** All known members, this peer included once it has announced itself, sorted by peer id. */
  members(): readonly Member[]
  /**
   * Calls `listener` when any record or liveness has changed. An error that it throws is logged.
   * @returns a function that removes the listener
   */
  onChange(listener: () => void): () => void
  /**
   * Calls `listener` with each event. An error that it throws is logged.
   * @returns a function that removes the listener
   */
  onEvent(listener: (event: MembershipEvent) => void): () => void
  /** Smallest recent round trip to each connected member, in microseconds, as measured here and now. */
  links(): Readonly<Record<string, number>>
  /** Members held alive, for the planner. The same object is returned while nothing in it has changed. */
  snapshot(): Snapshot
  readonly incarnation: number
  /** Bytes of all words, as they would be sent to a newcomer. */
  documentBytes(): number
  close(): Promise<void>
}

export interface MembershipDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Gives a number above `atLeast`, persisted before it is returned. Default: `atLeast + 1`. */
  nextIncarnation?(atLeast: number): number | Promise<number>
  /** The account of neighbours' faults. Default: an account of membership's own. */
  readonly conduct?: Conduct
}
