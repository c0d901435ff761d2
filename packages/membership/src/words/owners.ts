import type { Clock } from '@shoal/host'
import { limits } from '@shoal/protocol'
import { memberLimits } from '../limits.ts'
import type { MemberRecord } from '../records/record.ts'
import type { Chain } from './chain.ts'
import { Pace } from './pace.ts'
import type { Word } from './word.ts'

/** An owner's fault, with the words that prove it to anybody. */
export interface Fault {
  /** Lives up to this one are over. */
  readonly incarnation: number
  /** Two words with one number; or the chain, ending with a word that breaks a rule. */
  readonly proof: readonly Word[]
  readonly atMs: number
  /** Proofs that followed each other within a day. */
  readonly count: number
  /** Until then no word of the owner is read. */
  readonly bannedUntilMs: number
}

/** What is known of one owner. */
export interface Owner {
  chain: Chain | undefined
  fault: Fault | undefined
  readonly pace: Pace
}

/** The newest verified record of each peer, as readers see them. */
export interface Roster {
  get(peer: string): MemberRecord | undefined
  /** Sorted by peer id. The same list is returned while nothing has changed. */
  all(): readonly MemberRecord[]
  readonly size: number
}

/** All owners, in bounded number: a newcomer takes the place of one that is gone. */
export class Owners implements Roster {
  readonly #clock: Clock
  readonly #isGone: (peer: string) => boolean
  readonly #owners = new Map<string, Owner>()
  #sorted: readonly MemberRecord[] | undefined

  constructor(clock: Clock, isGone: (peer: string) => boolean) {
    this.#clock = clock
    this.#isGone = isGone
  }

  get size(): number {
    return this.#owners.size
  }

  get(peer: string): MemberRecord | undefined {
    return this.#owners.get(peer)?.chain?.record
  }

  all(): readonly MemberRecord[] {
    this.#sorted ??= [...this.#owners.values()]
      .flatMap(({ chain }) => (chain === undefined ? [] : [chain.record]))
      .sort((a, b) => (a.peerId < b.peerId ? -1 : 1))
    return this.#sorted
  }

  of(peer: string): Owner | undefined {
    return this.#owners.get(peer)
  }

  entries(): IterableIterator<[string, Owner]> {
    return this.#owners.entries()
  }

  /** The owner of this name, with a new place if need be; undefined when no place is free. */
  admit(peer: string): Owner | undefined {
    const known = this.#owners.get(peer)
    if (known !== undefined) return known
    if (this.#owners.size >= limits.maxMembers && !this.#makeRoom()) return undefined
    const owner: Owner = {
      chain: undefined,
      fault: undefined,
      pace: new Pace(this.#clock, memberLimits.wordBurst, memberLimits.wordEveryMs),
    }
    this.#owners.set(peer, owner)
    return owner
  }

  /** Whether a word of this peer would find a place. */
  hasRoomFor(peer: string): boolean {
    return (
      this.#owners.has(peer) ||
      this.#owners.size < limits.maxMembers ||
      [...this.#owners.keys()].some((known) => this.#isGone(known))
    )
  }

  /** A chain has changed or was replaced. */
  changed(): void {
    this.#sorted = undefined
  }

  close(): void {
    for (const { chain } of this.#owners.values()) chain?.destroy()
  }

  #makeRoom(): boolean {
    const gone = [...this.#owners.keys()].find((peer) => this.#isGone(peer))
    if (gone === undefined) return false
    this.#owners.get(gone)?.chain?.destroy()
    this.#owners.delete(gone)
    this.changed()
    return true
  }
}
