import { ShoalError, messageOf, type ErrorCode } from '@shoal/host'
import type { NextHop, Step } from '@shoal/protocol'
import type { BlockRunner } from '@shoal/runtime'
import { allFinite } from './hidden-states.ts'
import { createJournal, type OutputJournal } from './journal.ts'
import { sessionLimits } from './limits.ts'
import { decideStep } from './step-rules.ts'

/** What a session at a stage does to the world outside of it. */
export interface StageOutlet {
  /** Sends rows of the journal, read when it is their turn, to the next hop; resolves when they have left. */
  push(frame: Step, rows: () => readonly Float32Array[]): Promise<void>
  /** Tells the coordinator. */
  fail(step: number | null, code: ErrorCode, message: string, definite: boolean): void
}

/** One session's KV cache and journal at one stage. */
export interface StageSession {
  readonly journal: OutputJournal
  readonly epoch: number
  readonly previous: string
  readonly next: NextHop
  /** Bytes its journal may grow to. */
  readonly journalBudgetBytes: number
  /** Takes a new version of the route: same range, higher epoch. KV and journal stay. */
  move(epoch: number, previous: string, next: NextHop): void
  /** Resolves when the rows have been read, so that the sender's credit follows the pace of the computation. */
  receive(frame: Step, hidden: Float32Array): Promise<void>
  /** Frees KV and journal; queued steps are dropped. */
  close(): Promise<void>
}

export interface StageSessionOptions {
  readonly key: string
  readonly runner: BlockRunner
  readonly tokenBudget: number
  readonly epoch: number
  readonly previous: string
  readonly next: NextHop
}

export function createStageSession(options: StageSessionOptions, outlet: StageOutlet): StageSession {
  const { key, runner, tokenBudget } = options
  const journal = createJournal(runner.hiddenSize, tokenBudget)
  let { epoch, previous, next } = options
  let lastStep = -1
  let queued = 0
  let closed = false
  /** Set once the KV cache can no longer be trusted: whatever comes then gets the same answer. */
  let broken: string | null = null
  let computing: Promise<void> = Promise.resolve()
  let pushing: Promise<void> = Promise.resolve()

  const push = (frame: Step, position: number, rows: number): void => {
    pushing = pushing.then(async () => {
      if (closed) return
      try {
        await outlet.push(frame, () => journal.views(position, position + rows))
      } catch (error) {
        if (!closed) outlet.fail(frame.step, 'peer-vanished', `cannot push to ${next.peer}: ${messageOf(error)}`, false)
      }
    })
  }

  const compute = async (frame: Step, hidden: Float32Array, truncateTo: number | null): Promise<void> => {
    try {
      if (truncateTo !== null) {
        // Rows that are still to be pushed must not vanish under the push.
        await pushing
        if (closed) return
        journal.truncate(truncateTo)
        await runner.truncate(key, truncateTo)
      }
      lastStep = frame.step
      const output = await runner.forward(key, frame.position, hidden)
      if (closed) return
      if (output.length !== hidden.length) throw new ShoalError('internal', `${hidden.length} numbers went in, ${output.length} came out`)
      journal.append(frame.step, output)
      push(frame, frame.position, frame.rows)
    } catch (error) {
      if (closed) return
      broken = messageOf(error)
      outlet.fail(frame.step, error instanceof ShoalError ? error.code : 'compute-failed', broken, true)
    }
  }

  const take = async (frame: Step, hidden: Float32Array): Promise<void> => {
    if (closed) return
    if (broken !== null) {
      outlet.fail(frame.step, 'compute-failed', broken, true)
      return
    }
    const decision = decideStep({ epoch, length: journal.length, tokenBudget, lastStep, sent: (step) => journal.find(step) }, frame)
    switch (decision.kind) {
      case 'refuse':
        outlet.fail(frame.step, decision.code, decision.message, true)
        return
      case 'answer':
        // One at a time: repeats cost the sender nothing, so they must not pile up here.
        await pushing
        if (!closed) push(frame, frame.position, frame.rows)
        return
      case 'compute':
        if (!allFinite(hidden)) outlet.fail(frame.step, 'bad-frame', `non-finite hidden states from ${previous}`, true)
        else await compute(frame, hidden, decision.truncateTo)
    }
  }

  return {
    journal,
    get epoch() {
      return epoch
    },
    get previous() {
      return previous
    },
    get next() {
      return next
    },
    journalBudgetBytes: tokenBudget * runner.hiddenSize * Float32Array.BYTES_PER_ELEMENT,
    move(newEpoch, newPrevious, newNext) {
      epoch = newEpoch
      previous = newPrevious
      next = newNext
    },
    async receive(frame, hidden) {
      if (closed) return
      if (queued >= sessionLimits.maxStepsInFlight) {
        outlet.fail(frame.step, 'limit-exceeded', `more than ${sessionLimits.maxStepsInFlight} steps of this session wait here`, true)
        return
      }
      queued += 1
      computing = computing.then(() => take(frame, hidden))
      try {
        await computing
      } finally {
        queued -= 1
      }
    },
    async close() {
      if (closed) return
      closed = true
      await runner.close(key)
      journal.truncate(0)
    },
  }
}
