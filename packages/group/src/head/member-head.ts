import { ShoalError } from '@shoal/host'
import type { IndexRange } from '@shoal/model'
import { groupLimits } from '../limits.ts'
import type { HeadUse, LoadedHeads } from './loaded-heads.ts'

/** The part of the head that a member of a group computes for its leader. */
export class MemberHead {
  readonly #heads: LoadedHeads | null
  readonly #ending: AbortSignal
  #use: HeadUse | null = null
  /** How many parts the leader has asked for. The latest request wins, whichever part is loaded first. */
  #requests = 0

  /** @param heads null where this node computes no logits */
  constructor(heads: LoadedHeads | null, ending: AbortSignal) {
    this.#heads = heads
    this.#ending = ending
  }

  /** Loads the part for these tokens in place of the one before. @throws {ShoalError} `cancelled` when another request came meanwhile */
  async load(vocabulary: IndexRange): Promise<void> {
    if (this.#heads === null) throw new ShoalError('not-ready', 'this node computes no logits')
    this.#requests += 1
    const request = this.#requests
    const taken = await this.#heads.take(vocabulary)
    if (request !== this.#requests || this.#ending.aborted) {
      taken.release()
      throw new ShoalError(
        'cancelled',
        'the leader has asked for another part meanwhile, or the group has ended',
      )
    }
    this.#use?.release()
    this.#use = taken
  }

  /** @param rows float32 `[1 to headRowsMax, hiddenSize]` @returns float32 `[rows, tokens of the part]` */
  async logits(rows: Float32Array, hiddenSize: number): Promise<Float32Array> {
    if (rows.length % hiddenSize !== 0 || rows.length > groupLimits.headRowsMax * hiddenSize)
      throw new ShoalError('bad-frame', `${rows.length} numbers are not 1 to ${groupLimits.headRowsMax} rows`)
    if (this.#use === null) throw new ShoalError('not-ready', 'this rank has loaded no part of the head')
    return this.#use.head.logits(rows)
  }

  release(): void {
    this.#use?.release()
  }
}
