import { throwIfAborted } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import { encodeSession, encodeSteps, type Successor } from '@shoal/protocol'
import type { ChannelUse } from '../../channels/peer-channels.ts'
import { bytesOf } from '../../route/hidden-states.ts'
import { sessionLimits } from '../../route/limits.ts'
import type { StageProgress } from '../../route/replay-rules.ts'
import type { Stage } from '../stage.ts'
import { createChecksum } from './checksum.ts'
import { chunkRows } from './rules.ts'

/**
 * The copy of a session that one successor gets: the KV cache of its blocks, and also the journal for the successor
 * that takes the last blocks. The session goes on meanwhile, and may rewind.
 */
export class SuccessorCopy {
  readonly successor: Successor
  readonly #stage: Stage
  /** Epoch of the `hand-over` that asked for the copy. */
  readonly #epoch: number
  readonly #signal: AbortSignal
  readonly #checksum = createChecksum()
  #link: ChannelUse | null = null
  #sent = 0
  #rowsPerFrame: number = sessionLimits.handOverFirstRows
  /** Rewinds since the copy began. */
  #rewinds = 0

  constructor(successor: Successor, stage: Stage, epoch: number, signal: AbortSignal) {
    this.successor = successor
    this.#stage = stage
    this.#epoch = epoch
    this.#signal = signal
  }

  /** Positions that the successor has and that no rewind has replaced. */
  get sent(): number {
    return this.#sent
  }

  /** Sends on this channel from now on. */
  connect(link: ChannelUse): void {
    this.#link = link
  }

  /** Releases the channel; nothing is sent any more. */
  release(): void {
    this.#link?.release()
  }

  /** The session has forgotten the positions from `length` on; those that replace them are sent when they are computed. */
  rewind(length: number): void {
    this.#rewinds += 1
    this.#sent = Math.min(this.#sent, length)
  }

  /**
   * Sends the positions before `target` that the successor lacks.
   * @throws {ShoalError} the signal's reason, `peer-vanished`, or what the runner throws
   */
  async sendUpTo(target: number): Promise<void> {
    const { journal } = this.#stage.session
    while (this.#sent < Math.min(target, journal.length)) {
      throwIfAborted(this.#signal)
      await this.#sendFrame(target)
    }
  }

  /** Tells the successor that it has the whole session. @throws {ShoalError} `peer-vanished` */
  async sendEnd({ length, lastStep }: StageProgress): Promise<void> {
    const { journal } = this.#stage.session
    const head = encodeSession({
      type: 'key-values-end',
      session: this.#stage.id,
      start: this.successor.start,
      epoch: this.#epoch,
      length,
      lastStep,
      checksum: this.#checksum.value,
    })
    const steps = this.#takesLastBlock ? [encodeSteps(journal.steps)] : []
    await this.#link?.outbox.send(() => [...head, ...steps])
  }

  /** Only the stage with the last block sends rows on, so it alone needs the journal. */
  get #takesLastBlock(): boolean {
    return this.successor.end === this.#stage.end
  }

  async #sendFrame(target: number): Promise<void> {
    const { journal } = this.#stage.session
    const from = this.#sent
    const withJournal = this.#takesLastBlock && from >= journal.from
    const until =
      this.#takesLastBlock && !withJournal ? Math.min(journal.from, journal.length) : journal.length
    const to = Math.min(target, until, from + this.#rowsPerFrame)
    const outputs = withJournal ? journal.rows(from, to) : new Float32Array(0)
    const keyValues = await this.#export(from, to, this.successor)
    if (keyValues === null) return
    this.#sent = to
    this.#rowsPerFrame = chunkRows((keyValues.byteLength + outputs.byteLength) / (to - from))
    this.#checksum.add(keyValues)
    this.#checksum.add(outputs)
    const head = encodeSession({
      type: 'key-values',
      session: this.#stage.id,
      start: this.successor.start,
      epoch: this.#epoch,
      position: from,
      rows: to - from,
      journal: withJournal,
    })
    await this.#link?.outbox.send(() => [...head, bytesOf(keyValues), bytesOf(outputs)])
  }

  /** @returns null when the session was rewound meanwhile: the values may mix positions of before and after the rewind */
  async #export(from: number, to: number, { start, end }: BlockRange): Promise<Float32Array | null> {
    const { runner, session } = this.#stage
    const rewinds = this.#rewinds
    try {
      const keyValues = await runner.exportKeyValues(session.key, { from, to, part: { start, end } })
      return this.#rewinds === rewinds ? keyValues : null
    } catch (error) {
      if (this.#rewinds === rewinds) throw error
      return null
    }
  }
}
