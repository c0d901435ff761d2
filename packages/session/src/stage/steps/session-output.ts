import { messageOf, ShoalError, type Logger } from '@shoal/host'
import { encodeRows, encodeSession, type SessionFailed, type Step, type WireFormat } from '@shoal/protocol'
import type { Outbox } from '../../channels/outbox.ts'
import type { ChannelUse } from '../../channels/peer-channels.ts'
import type { RouteNeighbours } from './route-version.ts'

/** The rows of one step's output, or of several joined. */
export type Pushed = Pick<Step, 'position' | 'rows' | 'step' | 'rewind' | 'want'>

export type Failure = Pick<SessionFailed, 'step' | 'code' | 'message' | 'definite'>

export interface SessionOutputOptions {
  /** The session's id. */
  readonly session: string
  /** First block of the stage. */
  readonly start: number
  /** The block behind the last one of the stage. */
  readonly end: number
  /** The coordinator, which is reached on the channel that it used last. */
  readonly owner: { readonly outbox: Outbox }
  readonly hiddenSize: number
  /** How rows leave. */
  readonly wire: WireFormat
  readonly logger: Logger
}

/** Where a session's rows and failures leave a stage: the channel to the next stage, and the one to the coordinator. */
export class SessionOutput {
  readonly #options: SessionOutputOptions
  #hop: ChannelUse | null = null

  constructor(options: SessionOutputOptions) {
    this.#options = options
  }

  /** The channel to the next stage; null when that is the coordinator, or when the channel was lost. */
  get hop(): Outbox | null {
    return this.#hop?.outbox ?? null
  }

  /** Replaces the channel to the next stage, and releases the former one. */
  connect(hop: ChannelUse | null): void {
    this.#hop?.release()
    this.#hop = hop
  }

  /**
   * Sends a step's output to the next stage. The last stage sends the rows that the coordinator wants to the coordinator.
   * @param rows reads the rows of the journal when it is the frame's turn
   * @returns a promise that resolves when they have left
   */
  async push(
    { epoch, next }: RouteNeighbours,
    frame: Pushed,
    rows: () => readonly Float32Array[],
  ): Promise<void> {
    const { session, end, owner, hiddenSize, wire } = this.#options
    const encoded = (view: Float32Array): Uint8Array => encodeRows(wire, view, hiddenSize)
    const { position, rows: rowCount, step, rewind, want } = frame
    if (!next.coordinator) {
      const of = { session, start: end, epoch }
      const head = { type: 'step', ...of, position, rows: rowCount, step, rewind, want } as const
      await this.hop?.send(() => [...encodeSession(head), ...rows().map(encoded)])
      return
    }
    const count = want === 'none' ? 0 : want === 'last' ? 1 : rowCount
    const [head] = encodeSession({ type: 'result', session, epoch, position, rows: count, step })
    if (head === undefined) throw new ShoalError('internal', 'a result has a head')
    await owner.outbox.send(() => [head, ...wantedRows(want, rows(), hiddenSize).map(encoded)])
  }

  /** Tells the coordinator that the session, or a step of it, cannot go on here. */
  fail(epoch: number, failure: Failure): void {
    this.#report(this.#options.start, epoch, failure)
  }

  /** Reports a failure of the next stage, which cannot report it itself. */
  failNext({ epoch, next }: RouteNeighbours, failure: Failure): void {
    const { start, end } = this.#options
    this.#report(next.coordinator ? start : end, epoch, failure)
  }

  /** Reports that rows cannot be pushed to the next stage. */
  cannotPush(version: RouteNeighbours, step: number, cause: unknown): void {
    const { session, logger } = this.#options
    logger.debug('push-failed', { session, reason: messageOf(cause) })
    const message = `cannot push to ${version.next.peer}`
    this.failNext(version, { step, code: 'peer-vanished', message, definite: false })
  }

  #report(start: number, epoch: number, { step, code, message, definite }: Failure): void {
    const { session, owner } = this.#options
    owner.outbox.post({ type: 'failed', session, start, epoch, step, code, message, definite })
  }
}

function wantedRows(
  want: Step['want'],
  rows: readonly Float32Array[],
  hiddenSize: number,
): readonly Float32Array[] {
  if (want === 'none') return []
  if (want === 'all') return rows
  return [rows.at(-1)!.subarray(-hiddenSize)]
}
