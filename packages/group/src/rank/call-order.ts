import { ShoalError } from '@shoal/host'
import { groupLimits } from '../limits.ts'

/** Which calls a member has begun, and which ones the leader has abandoned before their turn at this member. */
export class CallOrder {
  readonly #abandoned = new Set<number>()
  #last = -1

  /** @returns false for a call that the leader has abandoned already */
  begin(call: number): boolean {
    this.#last = call
    for (const other of this.#abandoned) if (other < call) this.#abandoned.delete(other)
    return !this.#abandoned.delete(call)
  }

  /** @throws {ShoalError} `limit-exceeded`, which ends the leader's channel */
  abandon(call: number): void {
    if (call <= this.#last) return
    if (this.#abandoned.size >= groupLimits.callsAheadMax)
      throw new ShoalError(
        'limit-exceeded',
        `the leader gave up more than ${groupLimits.callsAheadMax} calls that it has not made`,
      )
    this.#abandoned.add(call)
  }
}
