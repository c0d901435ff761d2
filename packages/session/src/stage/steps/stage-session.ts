import { ShoalError, messageOf, type ErrorCode } from '@shoal/host'
import type { NextHop, Replay, Step } from '@shoal/protocol'
import type { BlockRunner } from '@shoal/runtime'
import { maxReplayFrames, replayChunks, type StageProgress } from '../../route/replay-rules.ts'
import { allFinite } from '../../route/hidden-states.ts'
import { createJournal, type OutputJournal } from '../../route/journal.ts'
import { sessionLimits } from '../../route/limits.ts'
import { createRouteGate } from './route-gate.ts'
import { decideStep } from './step-rules.ts'

/** The rows of one step's output, or of several joined. */
export type Pushed = Pick<Step, 'position' | 'rows' | 'step' | 'rewind' | 'want'>

/** What a session at a stage does to the world outside of it. */
export interface StageOutlet {
  /** Sends rows of the journal, read when it is their turn, to the next hop; resolves when they have left. */
  push(frame: Pushed, rows: () => readonly Float32Array[]): Promise<void>
  /** Tells the coordinator. */
  fail(step: number | null, code: ErrorCode, message: string, definite: boolean): void
  /** The same about the next hop. */
  failNext(step: number | null, message: string): void
}

/** One session's KV cache and journal at one stage. */
export interface StageSession {
  /** The runner's name for it. */
  readonly key: string
  readonly journal: OutputJournal
  readonly epoch: number
  readonly previous: string
  readonly next: NextHop
  /** Most positions that it will have. */
  readonly tokenBudget: number
  /** Bytes its journal may grow to. */
  readonly journalBudgetBytes: number
  /**
   * Takes a new version of the route: same range, higher epoch. KV and journal stay, steps of older epochs are dropped,
   * and those of the new one wait for `replay`. Resolves when the computation that was under way is over.
   */
  move(epoch: number, previous: string, next: NextHop): Promise<void>
  readonly progress: StageProgress
  /** A computation has failed: no step is taken any more. */
  readonly broken: boolean
  /** KV and journal are what another stage had after this step. */
  adopt(lastStep: number | null): void
  /** Goes on with the route of the present epoch. */
  replay(message: Pick<Replay, 'epoch' | 'length' | 'from' | 'settled'>): Promise<void>
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
  /** The route is a repaired one: no step is taken before `replay`. */
  readonly held?: boolean
}

export function createStageSession(options: StageSessionOptions, outlet: StageOutlet): StageSession {
  const { key, runner, tokenBudget } = options
  const journal = createJournal(runner.hiddenSize, tokenBudget)
  let { epoch, previous, next } = options
  let lastStep = -1
  let queued = 0
  let closed = false
  /** Rows before it have been sent in an older version of the route: the next hop has them. */
  let pushFrom = 0
  let repaired = options.held === true
  let gate = createRouteGate()
  /** Opens when the present version of the route ends: nobody waits any longer for a push along it. */
  let routeOver = createRouteGate()
  if (!repaired) gate.release()
  /** Set once the KV cache can no longer be trusted: whatever comes then gets the same answer. */
  let broken: { readonly code: ErrorCode; readonly message: string } | null = null
  let computing: Promise<void> = Promise.resolve()
  let pushing: Promise<void> = Promise.resolve()

  /** What the next hop of an older epoch did not get, the replay brings: to the one of today it would be a row too many. */
  const push = (frame: Pushed): void => {
    const pushed = epoch
    const overtaken = (): boolean => closed || epoch !== pushed
    pushing = pushing.then(async () => {
      if (overtaken()) return
      try {
        await outlet.push(frame, () => {
          if (overtaken()) throw new ShoalError('stale-epoch', 'the route was replaced')
          return journal.views(frame.position, frame.position + frame.rows)
        })
      } catch (error) {
        if (!overtaken()) outlet.failNext(frame.step, `cannot push to ${next.peer}: ${messageOf(error)}`)
      }
    })
  }

  /** Rows that the next hop has already do not leave again. */
  const pushNew = (frame: Pushed): void => {
    const end = frame.position + frame.rows
    if (end <= pushFrom) return
    const position = Math.max(frame.position, pushFrom)
    push({ ...frame, position, rows: end - position })
  }

  const compute = async (frame: Step, hidden: Float32Array, truncateTo: number | null): Promise<void> => {
    try {
      if (truncateTo !== null) {
        // Rows that are still to be pushed must not vanish under the push.
        await Promise.race([pushing, routeOver.opened])
        if (closed || frame.epoch !== epoch) return
        journal.truncate(truncateTo)
        pushFrom = Math.min(pushFrom, truncateTo)
        await runner.truncate(key, truncateTo)
      }
      lastStep = frame.step
      const output = await runner.forward(key, frame.position, hidden)
      if (closed) return
      if (output.length !== hidden.length)
        throw new ShoalError('internal', `${hidden.length} numbers went in, ${output.length} came out`)
      journal.append(frame.step, output, frame.want)
      // Else the replay has it: it comes after the answer to `open`, and that waits for this computation.
      if (frame.epoch === epoch) pushNew(frame)
    } catch (error) {
      if (closed) return
      broken = breakOf(error)
      outlet.fail(frame.step, broken.code, broken.message, true)
    }
  }

  const take = async (frame: Step, hidden: Float32Array): Promise<void> => {
    if (frame.epoch === epoch && !gate.open) await gate.opened
    if (closed) return
    if (broken !== null) {
      outlet.fail(frame.step, broken.code, broken.message, true)
      return
    }
    const decision = decideStep(
      { epoch, length: journal.length, tokenBudget, lastStep, sent: (step) => journal.find(step) },
      frame,
    )
    switch (decision.kind) {
      case 'refuse':
        outlet.fail(frame.step, decision.code, decision.message, true)
        return
      case 'answer':
        // One at a time: repeats cost the sender nothing, so they must not pile up here.
        await Promise.race([pushing, routeOver.opened])
        if (!closed && frame.epoch === epoch) push(frame)
        return
      case 'compute':
        if (!allFinite(hidden))
          outlet.fail(frame.step, 'bad-frame', `non-finite hidden states from ${previous}`, true)
        else await compute(frame, hidden, decision.truncateTo)
    }
  }

  /** A repaired route brings the whole journal of the stage before at once; credit bounds its bytes. */
  const maxQueued = (): number =>
    sessionLimits.maxStepsInFlight + (repaired ? maxReplayFrames(tokenBudget) : 0)

  return {
    key,
    journal,
    tokenBudget,
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
    get progress() {
      return { length: journal.length, lastStep: lastStep < 0 ? null : lastStep, journalFrom: journal.from }
    },
    get broken() {
      return broken !== null
    },
    adopt(step) {
      lastStep = step ?? -1
    },
    async move(newEpoch, newPrevious, newNext) {
      repaired = true
      epoch = newEpoch
      previous = newPrevious
      next = newNext
      // A push to a peer that hangs must not hold up those to the one that replaces it.
      pushing = Promise.resolve()
      routeOver.release()
      routeOver = createRouteGate()
      gate.release()
      gate = createRouteGate()
      await computing
    },
    async replay({ epoch: of, length, from, settled }) {
      if (closed || of !== epoch || gate.open) return
      if (length > journal.length) {
        outlet.fail(null, 'wrong-position', `${length} rows are to be kept, ${journal.length} are here`, true)
        return
      }
      const kept = gate
      try {
        if (length < journal.length) {
          journal.truncate(length)
          // Steps that it took and has to take again come with their own numbers.
          lastStep = journal.steps.at(-1)?.step ?? -1
          await runner.truncate(key, length)
        }
      } catch (error) {
        broken = breakOf(error)
      }
      if (closed || of !== epoch) return
      if (from < journal.from) {
        outlet.fail(
          null,
          'wrong-position',
          `rows from ${from} on are to be sent, here they begin at ${journal.from}`,
          true,
        )
        return
      }
      pushFrom = from
      for (const chunk of replayChunks(journal.steps, from, settled)) push({ ...chunk, rewind: false })
      kept.release()
    },
    async receive(frame, hidden) {
      if (closed) return
      if (queued >= maxQueued()) {
        outlet.fail(
          frame.step,
          'limit-exceeded',
          `more than ${maxQueued()} steps of this session wait here`,
          true,
        )
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
      gate.release()
      routeOver.release()
      await runner.close(key)
      journal.truncate(0)
    },
  }
}

/** A code of its own says that the runner, and not the request, is at fault: another peer may do better. */
function breakOf(error: unknown): { readonly code: ErrorCode; readonly message: string } {
  return { code: error instanceof ShoalError ? error.code : 'compute-failed', message: messageOf(error) }
}
