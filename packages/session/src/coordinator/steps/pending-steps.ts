import { ShoalError, type Clock, type Timer } from '@shoal/host'
import { decodeRows, type StepResult, type WireFormat } from '@shoal/protocol'
import { allFinite } from '../../route/hidden-states.ts'
import type { SessionTimes } from '../../route/limits.ts'
import type { ForwardOptions } from '../../route/types.ts'
import type { ActiveRoute } from '../active-route.ts'
import { stepDeadlineMs } from './step-deadline.ts'

/** A step that the last stage has not answered. */
export interface PendingStep {
  readonly step: number
  readonly position: number
  readonly rows: number
  readonly want: ForwardOptions['want']
}

interface Entry {
  readonly step: PendingStep
  readonly answered: PromiseWithResolvers<Float32Array>
}

export interface PendingStepsOptions {
  readonly clock: Clock
  readonly hiddenSize: number
  /** How the rows have travelled. */
  readonly wire: WireFormat
  /** The route whose predictions give the deadlines. */
  readonly route: Pick<ActiveRoute, 'route'>
  readonly times: SessionTimes
}

/**
 * Steps under way, oldest first. Only the oldest step has a deadline, since the others wait behind it. The deadline
 * runs from the moment at which the step became the oldest.
 */
export class PendingSteps {
  readonly #options: PendingStepsOptions
  readonly #queue: Entry[] = []
  #timer: Timer | null = null
  #overdue: ((step: PendingStep) => void) | null = null

  constructor(options: PendingStepsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#queue.length
  }

  get oldest(): PendingStep | null {
    return this.#queue[0]?.step ?? null
  }

  /** First position that a step under way computes; null when there is none. Rows before it are right at every stage. */
  get firstPosition(): number | null {
    return this.size === 0 ? null : Math.min(...this.#queue.map(({ step }) => step.position))
  }

  /** Calls `listener` whenever the oldest step has passed its deadline. */
  onOverdue(listener: (step: PendingStep) => void): void {
    this.#overdue = listener
  }

  /** Moves the deadline of the oldest step to `durationMs` from now. */
  allow(durationMs: number): void {
    const { oldest } = this
    this.#timer?.cancel()
    this.#timer =
      oldest === null ? null : this.#options.clock.after(durationMs, () => this.#overdue?.(oldest))
  }

  /** @returns the rows wanted: float32 `[rows, hiddenSize]` */
  add(step: PendingStep): Promise<Float32Array> {
    const answered = Promise.withResolvers<Float32Array>()
    this.#queue.push({ step, answered })
    if (this.#queue.length === 1) this.#watchOldest()
    return answered.promise
  }

  /** @throws {ShoalError} `bad-frame` for an answer that cannot be right */
  answer(result: StepResult, payload: Uint8Array): void {
    const oldest = this.#queue[0]
    // A second answer to the same step is ignored: after a repair, the last stage may send results again that had
    // arrived.
    if (oldest === undefined || result.step < oldest.step.step) return
    const { step, position, rows, want } = oldest.step
    const wanted = want === 'none' ? 0 : want === 'last' ? 1 : rows
    if (result.step !== step || result.position !== position || result.rows !== wanted) {
      throw new ShoalError(
        'bad-frame',
        `it answers step ${result.step} at position ${result.position} with ${result.rows} rows; expected step ${step} at position ${position} with ${wanted} rows`,
      )
    }
    const hidden = decodeRows(this.#options.wire, payload, wanted, this.#options.hiddenSize)
    if (!allFinite(hidden)) throw new ShoalError('bad-frame', 'non-finite hidden states')
    this.#queue.shift()
    this.#watchOldest()
    oldest.answered.resolve(hidden)
  }

  /** Steps under way that begin before `position`. */
  before(position: number): number {
    return this.#queue.filter(({ step }) => step.position < position).length
  }

  /** Where the steps under way that begin before `position` end; 0 without one. */
  endBefore(position: number): number {
    const last = this.#queue.findLast(({ step }) => step.position < position)
    return last === undefined ? 0 : last.step.position + last.step.rows
  }

  /** Forgets the steps from `position` on, whose rows a rewind has cut. Answers that still come are ignored. */
  discard(position: number): void {
    const kept = this.before(position)
    if (kept === this.size) return
    const cut = this.#queue.splice(kept)
    for (const { answered } of cut)
      answered.reject(new ShoalError('cancelled', `a rewind to position ${position} discarded the rows`))
    if (kept === 0) this.#timer?.cancel()
  }

  rejectAll(error: Error): void {
    this.#timer?.cancel()
    this.#timer = null
    for (const { answered } of this.#queue.splice(0)) answered.reject(error)
  }

  #watchOldest(): void {
    const { route, times } = this.#options
    this.allow(stepDeadlineMs(route.route, this.oldest?.rows ?? 0, times))
  }
}
