import { ShoalError } from '@shoal/host'
import type { Standing } from '@shoal/trust'
import type { Transport } from '../transport.ts'
import { limits } from '../limits.ts'
import type { PeerStanding } from './admission.ts'
import { mayOpen } from './role-table.ts'

/** What the peers that were admitted may do. Without admission everybody is a node. */
export class Standings {
  readonly #admits: boolean
  /** Bounded: a peer that was admitted long ago and has no connection any more is forgotten first. */
  readonly #standings = new Map<string, Standing>()

  /** @param admits false in an open swarm */
  constructor(admits: boolean) {
    this.#admits = admits
  }

  /** The newest grant counts for all connections of the peer. */
  admitted(peerId: string, standing: Standing): void {
    this.#standings.delete(peerId)
    this.#standings.set(peerId, standing)
    const [oldest] = this.#standings.keys()
    if (this.#standings.size > limits.learnedPeers && oldest !== undefined) this.#standings.delete(oldest)
  }

  ended(peerId: string): void {
    this.#standings.delete(peerId)
  }

  /** Null for a peer that was never admitted, or no longer is. */
  of(peerId: string): PeerStanding | null {
    if (!this.#admits) return openStanding(peerId)
    const standing = this.#standings.get(peerId)
    return standing === undefined ? null : { role: standing.role, member: standing.member, invited: true }
  }

  mayOpen(peerId: string, protocol: string): boolean {
    const standing = this.of(peerId)
    return standing !== null && mayOpen(standing.role, protocol)
  }

  /** Why a peer may not open a channel of a protocol; null when it may. */
  refusalOf(peerId: string, protocol: string): ShoalError | null {
    return this.mayOpen(peerId, protocol)
      ? null
      : new ShoalError('not-admitted', `the role of ${peerId} does not include ${protocol}`)
  }
}

/** What a peer may do at a transport; null when it was not admitted. */
export function standingOf(transport: Transport, peerId: string): PeerStanding | null {
  return transport.standing === undefined ? openStanding(peerId) : transport.standing(peerId)
}

/** Of everybody in an open swarm. */
const openStanding = (peerId: string): PeerStanding => ({ role: 'node', member: peerId, invited: false })
