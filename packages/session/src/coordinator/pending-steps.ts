import { ShoalError, type Clock, type Timer } from '@shoal/host'
import { hiddenRows, type StepResult } from '@shoal/protocol'
import { allFinite } from '../route/hidden-states.ts'
import type { ForwardOptions } from '../route/types.ts'

/** A step that the last stage has not answered. */
export interface PendingStep {
  readonly step: number
  readonly position: number
  readonly rows: number
  readonly want: ForwardOptions['want']
}

/** Steps under way, oldest first. */
export interface PendingSteps {
  readonly size: number
  readonly oldest: PendingStep | null
  /** Gives the oldest step so much more time from now. */
  allow(durationMs: number): void
  /** @returns the rows wanted */
  add(step: PendingStep): Promise<Float32Array>
  /** @throws {ShoalError} `bad-frame` for an answer that cannot be right */
  answer(result: StepResult, payload: Uint8Array): void
  rejectAll(error: Error): void
}

interface Entry {
  readonly step: PendingStep
  resolve(rows: Float32Array): void
  reject(error: Error): void
}

export interface PendingStepsOptions {
  readonly hiddenSize: number
  /** How long the oldest step may take from when it became the oldest. */
  deadlineMs(rows: number): number
  overdue(step: PendingStep): void
}

export function createPendingSteps(clock: Clock, options: PendingStepsOptions): PendingSteps {
  const queue: Entry[] = []
  let timer: Timer | null = null

  const watch = (step: PendingStep, durationMs: number): void => {
    timer?.cancel()
    timer = clock.after(durationMs, () => options.overdue(step))
  }
  const watchOldest = (): void => {
    timer?.cancel()
    timer = null
    const oldest = queue[0]
    if (oldest !== undefined) watch(oldest.step, options.deadlineMs(oldest.step.rows))
  }

  return {
    get size() {
      return queue.length
    },
    get oldest() {
      return queue[0]?.step ?? null
    },
    allow(durationMs) {
      const oldest = queue[0]
      if (oldest !== undefined) watch(oldest.step, durationMs)
    },
    add: (step) =>
      new Promise((resolve, reject) => {
        queue.push({ step, resolve, reject })
        if (queue.length === 1) watchOldest()
      }),
    answer(result, payload) {
      const oldest = queue[0]
      // A second answer to a step that has been answered: a stage may push again what it cannot know to have arrived.
      if (oldest === undefined || result.step < oldest.step.step) return
      const { step, position, rows, want } = oldest.step
      const wanted = want === 'none' ? 0 : want === 'last' ? 1 : rows
      if (result.step !== step || result.position !== position || result.rows !== wanted) {
        throw new ShoalError(
          'bad-frame',
          `it answers step ${result.step} at position ${result.position} with ${result.rows} rows; due is step ${step} at position ${position} with ${wanted}`,
        )
      }
      const hidden = hiddenRows(payload, wanted, options.hiddenSize)
      if (!allFinite(hidden)) throw new ShoalError('bad-frame', 'non-finite hidden states')
      queue.shift()
      watchOldest()
      oldest.resolve(hidden)
    },
    rejectAll(error) {
      timer?.cancel()
      timer = null
      for (const entry of queue.splice(0)) entry.reject(error)
    },
  }
}
