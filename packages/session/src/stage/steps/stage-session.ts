import { ShoalError, type ErrorCode } from '@shoal/host'
import type { NextHop, Replay, Step } from '@shoal/protocol'
import type { BlockRunner } from '@shoal/runtime'
import { allFinite } from '../../route/hidden-states.ts'
import { createJournal, type OutputJournal } from '../../route/journal.ts'
import { sessionLimits } from '../../route/limits.ts'
import { maxReplayFrames, type StageProgress } from '../../route/replay-rules.ts'
import { prefixSteps } from '../../route/prefix-steps.ts'
import { importBlocks, type KeptRows } from '../kept/kept-rows.ts'
import type { ReceiptChains, SessionReceipts } from '../receipts/session-receipts.ts'
import { OutputPushes } from './output-pushes.ts'
import { RouteVersion, type RouteNeighbours } from './route-version.ts'
import type { SessionOutput } from './session-output.ts'
import { computeInPieces } from '../turns/compute-in-pieces.ts'
import type { ComputeTurns } from '../turns/compute-turns.ts'
import { breakOf, type Break } from './session-break.ts'
import type { StepLine, StepQueue } from './step-queue.ts'
import { decideStep } from './step-rules.ts'
import { WaitingSteps } from './waiting-steps.ts'

export interface StageSessionOptions extends RouteNeighbours {
  /** The runner's name for the session. */
  readonly key: string
  /** Whose turns at the runner the session uses. */
  readonly owner: string
  readonly runner: BlockRunner
  /** Where rows and failures leave this node. */
  readonly output: Pick<SessionOutput, 'push' | 'fail' | 'cannotPush'>
  /** The most positions that the session will have. */
  readonly tokenBudget: number
  /** Whether the route is a repaired one, so that no step is taken before `replay`. */
  readonly held?: boolean
  /** Absent where the coordinator wants no receipts. */
  readonly receipts?: SessionReceipts
}

/** The queues beside a runner, which all its sessions share. */
export interface SessionQueues {
  /** Keeps the steps of one session in order. */
  readonly steps: StepQueue
  /** Decides whose step is computed next. */
  readonly turns: ComputeTurns
}

/** One session at one stage: its KV cache, its journal and the handling of its steps. */
export class StageSession {
  readonly key: string
  readonly tokenBudget: number
  readonly journal: OutputJournal
  readonly #runner: BlockRunner
  readonly #output: StageSessionOptions['output']
  readonly #pushes: OutputPushes
  readonly #steps: StepLine
  readonly #receipts: SessionReceipts | null
  readonly #turns: ComputeTurns
  readonly #owner: string
  readonly #leaveTurns: () => void
  readonly #waiting = new WaitingSteps()
  #version: RouteVersion
  /** The highest step taken so far, rewound ones included; -1 before the first. */
  #lastStep = -1
  #computedSteps = 0
  #closed = false
  /** Set once the KV cache can no longer be trusted: every later step gets this answer. */
  #break: Break | null = null

  constructor(options: StageSessionOptions, { steps, turns }: SessionQueues) {
    const { key, owner, runner, output, tokenBudget, held = false, receipts = null } = options
    this.key = key
    this.tokenBudget = tokenBudget
    this.journal = createJournal(runner.hiddenSize, tokenBudget)
    this.#runner = runner
    this.#output = output
    this.#steps = steps.createLine()
    this.#turns = turns
    this.#owner = owner
    this.#leaveTurns = turns.enter(owner)
    this.#version = new RouteVersion(options, held)
    this.#pushes = new OutputPushes(this.journal, output, this.#version)
    this.#receipts = receipts
    if (receipts !== null) this.journal.watch((length) => receipts.truncate(length))
  }

  /** Epoch of the route in use. */
  get epoch(): number {
    return this.#version.epoch
  }

  /** The peer whose steps are taken. */
  get previous(): string {
    return this.#version.previous
  }

  get next(): NextHop {
    return this.#version.next
  }

  /** Bytes that the journal may grow to. */
  get journalBudgetBytes(): number {
    return this.tokenBudget * this.#runner.hiddenSize * Float32Array.BYTES_PER_ELEMENT
  }

  get progress(): StageProgress {
    const { length, from } = this.journal
    return { length, lastStep: this.#lastStep < 0 ? null : this.#lastStep, journalFrom: from }
  }

  /** Number of steps that were computed here, repeats included: while it grows, the session is in use. */
  get computedSteps(): number {
    return this.#computedSteps
  }

  /** Whether a computation has failed, so that no step is taken any more. */
  get broken(): boolean {
    return this.#break !== null
  }

  /** KV cache and journal have become those that another stage had after step `lastStep`. */
  adopt(lastStep: number | null): void {
    this.#lastStep = lastStep ?? -1
    this.#receipts?.fallSilent()
  }

  /** Whether every row since the first one was computed here, or for the earlier session with which this one began. */
  get whole(): boolean {
    return this.#break === null && this.journal.from === 0
  }

  /** Hashes of the first rows, which another session may go on with; null without receipts of all of them. */
  receiptChains(length: number): ReceiptChains | null {
    return this.#receipts?.fork(length) ?? null
  }

  /** Begins with rows of an earlier session. Nothing must have been computed. @throws {ShoalError} when the runner refuses */
  async beginWith(rows: KeptRows): Promise<void> {
    await importBlocks(this.#runner, this.key, rows)
    if (this.#closed) return
    this.journal.restore(rows.outputs)
    this.journal.adopt(prefixSteps(rows.length))
    this.#lastStep = this.journal.steps.at(-1)?.step ?? -1
    this.#receipts?.goOnFrom(rows.receipts, rows.length)
  }

  /** Signs the last receipt when the coordinator closes the session. @param most positions that count; all when absent */
  finish(most?: number): void {
    this.#receipts?.finish(most)
  }

  /**
   * Follows a new version of the route, with the same blocks and a higher epoch. KV cache and journal stay; steps of older
   * epochs are refused, and those of the new one wait for `replay`.
   * @returns a promise that resolves when the steps that were queued have been taken or refused
   */
  async move(neighbours: RouteNeighbours): Promise<void> {
    const former = this.#version
    this.#version = new RouteVersion(neighbours, true)
    this.#pushes.follow(this.#version)
    former.end()
    await this.#steps.settled()
  }

  /** Keeps the rows that the coordinator says are right, sends the next hop those it lacks, and lets steps go on. */
  async replay({
    epoch,
    length,
    from,
    settled,
  }: Pick<Replay, 'epoch' | 'length' | 'from' | 'settled'>): Promise<void> {
    const version = this.#version
    if (this.#closed || epoch !== version.epoch || !version.held) return
    const refuse = (message: string): void => this.#fail(null, 'wrong-position', message)
    if (length > this.journal.length)
      return refuse(`${length} rows are to be kept, ${this.journal.length} are here`)
    if (length < this.journal.length) {
      try {
        this.journal.truncate(length)
        // Steps whose rows were cut are sent again under their own numbers.
        this.#lastStep = this.journal.steps.at(-1)?.step ?? -1
        await this.#runner.truncate(this.key, length)
      } catch (error) {
        this.#break = breakOf(error)
      }
      if (this.#closed || this.#version !== version) return
    }
    if (from < this.journal.from)
      return refuse(`rows from ${from} on are to be sent, here they begin at ${this.journal.from}`)
    this.#pushes.replay(from, settled)
    version.release()
  }

  /**
   * Takes a step when the ones before it are over.
   * @param hidden float32 `[rows, hiddenSize]`
   * @returns a promise that resolves when the rows have been read, so that the sender's credit follows the computation
   */
  async receive(frame: Step, hidden: Float32Array): Promise<void> {
    if (this.#closed) return
    const limit = this.#maxQueued
    if (this.#steps.size < limit) {
      this.#waiting.add(frame)
      return this.#steps.add(frame.rows, () => this.#take(frame, hidden))
    }
    this.#fail(frame.step, 'limit-exceeded', `more than ${limit} steps of this session wait here`)
  }

  /** Frees KV cache and journal; steps that wait are dropped. @param before as of `Stage.free` */
  async close(before?: () => Promise<void>): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#leaveTurns()
    this.#version.end()
    if (before !== undefined) {
      await this.#steps.settled()
      await before()
    }
    await this.#runner.close(this.key)
    this.journal.truncate(0)
  }

  /** In a repaired route the stage before may send its whole journal at once; credit bounds the bytes of that. */
  get #maxQueued(): number {
    const replayed = this.#version.repaired ? maxReplayFrames(this.tokenBudget) : 0
    return sessionLimits.maxStepsInFlight + replayed
  }

  async #take(frame: Step, hidden: Float32Array): Promise<void> {
    if (frame.epoch === this.epoch && this.#version.held) await this.#version.replayed
    if (this.#closed || !this.#waiting.begin(frame)) return
    const fail = (code: ErrorCode, message: string): void => this.#fail(frame.step, code, message)
    if (this.#break !== null) return fail(this.#break.code, this.#break.message)
    const { epoch, journal, tokenBudget } = this
    const decision = decideStep(
      {
        epoch,
        length: journal.length,
        tokenBudget,
        lastStep: this.#lastStep,
        sent: (step) => journal.find(step),
      },
      frame,
    )
    if (decision.kind === 'refuse') return fail(decision.code, decision.message)
    if (decision.kind === 'answer') return this.#answer(frame)
    if (!allFinite(hidden)) return fail('bad-frame', `non-finite hidden states from ${this.previous}`)
    await this.#compute(frame, hidden, decision.truncateTo)
  }

  /** Sends the output of a repeated step. One at a time: repeats cost the sender nothing, so they must not pile up. */
  async #answer(frame: Step): Promise<void> {
    await this.#pushes.settled()
    if (!this.#closed && frame.epoch === this.epoch) this.#pushes.push(frame)
  }

  /** The session may have been closed while the step waited for its turn: the runner would not know it. */
  async #forward(position: number, hidden: Float32Array): Promise<Float32Array> {
    if (this.#closed) throw new ShoalError('cancelled', 'the session was closed')
    return this.#runner.forward(this.key, position, hidden)
  }

  async #compute(frame: Step, hidden: Float32Array, truncateTo: number | null): Promise<void> {
    try {
      if (truncateTo !== null) {
        // Rows that are still to be pushed must not vanish under the push.
        await this.#pushes.settled()
        if (this.#closed || frame.epoch !== this.epoch) return
        this.journal.truncate(truncateTo)
        await this.#runner.truncate(this.key, truncateTo)
      }
      this.#lastStep = frame.step
      this.#receipts?.received(hidden)
      const { rows, position } = frame
      const forward = (from: number, piece: Float32Array): Promise<Float32Array> => this.#forward(from, piece)
      const output = await computeInPieces(this.#turns, this.#owner, { hidden, rows, position, forward })
      if (this.#closed) return
      this.#computedSteps += 1
      if (output.length !== hidden.length)
        throw new ShoalError('internal', `${hidden.length} values went in, ${output.length} came out`)
      this.journal.append(frame.step, output, frame.want)
      // With another version of the route, the replay sends these rows: it follows the answer to `open`, which waits for
      // this computation.
      if (frame.epoch === this.epoch) this.#pushes.pushNew(frame)
      // After the push, so that no token waits for the hash.
      this.#receipts?.computed(output)
    } catch (error) {
      if (this.#closed) return
      this.#break = breakOf(error)
      this.#fail(frame.step, this.#break.code, this.#break.message)
    }
  }

  #fail(step: number | null, code: ErrorCode, message: string): void {
    this.#output.fail(this.epoch, { step, code, message, definite: true })
  }
}
