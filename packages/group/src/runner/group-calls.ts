import type { BlockRunner } from '@shoal/runtime'
import { groupLimits } from '../limits.ts'
import type { LedGroup } from './led-group.ts'
import { wrongPosition, type LedSession } from './led-sessions.ts'

/** The calls of a group's leader: at its own share and at all members together. */
export class GroupCalls {
  readonly #group: LedGroup
  readonly #own: BlockRunner
  readonly #keepsInputs: boolean

  /** @param keepsInputs whether the inputs of sessions are kept for a repair */
  constructor(group: LedGroup, own: BlockRunner, keepsInputs: boolean) {
    this.#group = group
    this.#own = own
    this.#keepsInputs = keepsInputs
  }

  /** Computes rows, in calls of limited length. When it fails, the rows are in no rank's KV cache. */
  async forward(
    name: string,
    session: LedSession,
    position: number,
    rows: Float32Array,
  ): Promise<Float32Array> {
    // An earlier call of this session that was queued may have failed.
    if (this.#own.length(name) !== position) throw wrongPosition(name, this.#own.length(name), position)
    const { hiddenSize } = this.#own
    const output = new Float32Array(rows.length)
    const chunk = groupLimits.rowsPerCallMax * hiddenSize
    try {
      for (let at = 0; at < rows.length; at += chunk) {
        const part = rows.subarray(at, at + chunk)
        const from = position + at / hiddenSize
        const compute = (): Promise<Float32Array> => this.#own.forward(name, from, part)
        output.set(await this.#group.present().call(session.number, from, part, compute), at)
      }
    } catch (error) {
      await this.truncate(name, session, position)
      throw error
    }
    if (this.#keepsInputs) session.inputs.append(rows)
    return output
  }

  async truncate(name: string, { inputs, number }: LedSession, length: number): Promise<void> {
    inputs.truncate(length)
    if (this.#own.length(name) > length) await this.#own.truncate(name, length)
    this.#group.present().truncate(number, length)
  }
}
