import { messageOf, ShoalError } from '@shoal/host'
import type { GroupPeer } from '../forming/formation.ts'

/** Which peers are the members of a group, and which spares remain. */
export class Seats {
  /** Whether there were spares at the start, so that the inputs of sessions are kept and caches can be computed again. */
  readonly repairable: boolean
  #members: readonly GroupPeer[]
  #spares: readonly GroupPeer[]

  constructor(members: readonly GroupPeer[], spares: readonly GroupPeer[]) {
    this.#members = [...members]
    this.#spares = [...spares]
    this.repairable = spares.length > 0
  }

  /** By rank, from 1. */
  get members(): readonly GroupPeer[] {
    return this.#members
  }

  /**
   * Puts the next spare into the place of a lost rank. When no rank is to blame (`lost` is null), because only a channel
   * between ranks broke, the same members may try again.
   * @throws {ShoalError} `not-ready` without a spare
   */
  replace(lost: number | null, reason: unknown): void {
    if (lost === null && this.repairable) return
    const [spare, ...rest] = this.#spares
    if (spare === undefined)
      throw new ShoalError(
        'not-ready',
        `this group has lost ${lost === null ? 'a channel' : `rank ${lost}`} and has no spare: ${messageOf(reason)}`,
        { cause: reason },
      )
    this.#members = this.#members.map((member, index) => (index + 1 === lost ? spare : member))
    this.#spares = rest
  }
}
