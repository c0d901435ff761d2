import { ShoalError } from '@shoal/host'
import type { ForwardOptions, HiddenSession } from '../../route/types.ts'

/** Calls under way after which a lane that does not answer is given up: half of what a session may have under way. */
export const callsUnderWayMax = 16

/**
 * One of two sessions that get the same calls. It may be behind the other one, so a call that rewinds waits here until the
 * calls before it have ended: the session itself would refuse it where a call under way has rows on both sides.
 */
export class Lane {
  readonly session: HiddenSession
  readonly #underWay = new Set<Promise<Float32Array>>()
  #issued: Promise<unknown> | null = null
  #length: number

  constructor(session: HiddenSession) {
    this.session = session
    this.#length = session.length
  }

  /** Calls that have not ended. */
  get underWay(): number {
    return this.#underWay.size
  }

  /** Forgets positions at once where no call is under way; otherwise the next call does, which names its position. */
  forget(length: number): void {
    if (this.#underWay.size > 0) return
    this.session.forget?.(length)
    this.#length = Math.min(this.#length, length)
  }

  /** @param position of the first row @param rows of the call */
  forward(
    hidden: Float32Array,
    options: ForwardOptions,
    position: number,
    rows: number,
  ): Promise<Float32Array> {
    if (this.#underWay.size >= callsUnderWayMax)
      return Promise.reject(
        new ShoalError('deadline-passed', `${callsUnderWayMax} calls of this session are unanswered`),
      )
    const rewinds = position < this.#length
    this.#length = position + rows
    const before = [...this.#underWay]
    const waitsFor = rewinds && before.length > 0 ? Promise.allSettled(before) : this.#issued
    const start = async (rowsOfCall: Float32Array): Promise<Float32Array> =>
      this.session.forward(rowsOfCall, { ...options, position })
    // The caller may use its array again while the call waits.
    const own = waitsFor === null ? hidden : hidden.slice()
    const call = waitsFor === null ? start(own) : waitsFor.then(() => start(own))
    if (waitsFor !== null) {
      const issued = waitsFor.then(() => {
        if (this.#issued === issued) this.#issued = null
      })
      this.#issued = issued
    }
    this.#underWay.add(call)
    const ended = (): void => void this.#underWay.delete(call)
    call.then(ended, ended)
    return call
  }
}
