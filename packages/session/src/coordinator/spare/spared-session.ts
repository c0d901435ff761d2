import { asShoalError } from '@shoal/host'
import type { ForwardOptions, HiddenSession } from '../../route/types.ts'
import { Lane } from './lane.ts'
import { NextSpare, type NextSpareOptions } from './next-spare.ts'

export type SparedSessionOptions = NextSpareOptions

/** The shortest wait for the session in use: timers have whole milliseconds. */
const graceMsMin = 1

/**
 * One generation that two sessions compute, over routes that share as few peers as possible (docs/failover.md). Every call
 * goes to both. The answer is that of the session in use. When that fails, has lost a stage, or is later than the
 * spare by the time of a step, the spare's answer is taken and the two change places. The former one repairs its route meanwhile, and catches
 * up as the new spare. A spare that is lost itself is replaced (`NextSpare`).
 *
 * Both compute the same bits where their peers have one numeric class. Answers that both give are compared: a spare that
 * computes other bits is closed, and if its answers were taken the session is `continued`.
 *
 * @param spare at the same position as `session`
 */
export function createSparedSession(
  options: SparedSessionOptions,
  session: HiddenSession,
  spare: HiddenSession,
): HiddenSession {
  return new SparedSession(options, session, spare)
}

/** A call at both lanes. */
interface DoubledCall {
  readonly lane: Lane
  readonly mine: Promise<Float32Array>
  readonly spareLane: Lane
  readonly theirs: Promise<Float32Array>
  readonly startMs: number
  /** The answer that the caller gets. */
  readonly answer: PromiseWithResolvers<Float32Array>
  /** Set once it is known. */
  over: boolean
}

class SparedSession implements HiddenSession {
  readonly #options: SparedSessionOptions
  #used: Lane
  #spare: Lane | null
  #length: number
  #takeovers = 0
  #differed = false
  /** What the latest call at the session in use took. */
  #stepMs = 0
  readonly #next: NextSpare

  constructor(options: SparedSessionOptions, session: HiddenSession, spare: HiddenSession) {
    this.#options = options
    this.#used = new Lane(session)
    this.#spare = new Lane(spare)
    this.#length = session.length
    this.#next = new NextSpare(options, {
      lane: () => this.#used,
      take: (next) => this.#takeSpare(next),
    })
  }

  get length(): number {
    return this.#length
  }

  get failovers(): number {
    return this.#takeovers + this.#used.session.failovers
  }

  get moves(): number {
    return this.#used.session.moves
  }

  get continuity(): 'identical' | 'continued' {
    return this.#differed && this.#takeovers > 0 ? 'continued' : this.#used.session.continuity
  }

  get rowInvariant(): boolean {
    return this.#used.session.rowInvariant !== false && this.#spare?.session.rowInvariant !== false
  }

  route(): ReturnType<HiddenSession['route']> {
    return this.#used.session.route()
  }

  stageTimesMs(): readonly number[] {
    return this.#used.session.stageTimesMs?.() ?? []
  }

  forward(hidden: Float32Array, options: ForwardOptions): Promise<Float32Array> {
    const position = options.position ?? this.#length
    const rows = hidden.length / this.#options.hiddenSize
    if (position < this.#length) this.#next.rewound(position)
    this.#length = position + rows
    const [lane, spareLane] = [this.#used, this.#spare]
    const mine = lane.forward(hidden, options, position, rows)
    if (spareLane === null) return mine
    const theirs = spareLane.forward(hidden, options, position, rows)
    const answer = Promise.withResolvers<Float32Array>()
    const startMs = this.#options.clock.nowMs()
    const call: DoubledCall = { lane, mine, spareLane, theirs, startMs, answer, over: false }
    this.#watchOwn(call, options.signal)
    this.#watchSpare(call)
    Promise.all([mine, theirs]).then(
      ([own, other]) => this.#compare(call, own, other),
      () => undefined,
    )
    return answer.promise
  }

  forget(length: number): void {
    this.#length = Math.min(this.#length, length)
    this.#next.rewound(length)
    this.#used.forget(length)
    this.#spare?.forget(length)
  }

  async close(): Promise<void> {
    this.#next.end()
    await Promise.all([this.#used.session.close(), this.#spare?.session.close()])
  }

  #watchOwn(call: DoubledCall, signal: AbortSignal | undefined): void {
    const { lane, mine, theirs, startMs, answer } = call
    mine.then(
      (rows) => {
        if (!call.over) this.#stepMs = this.#options.clock.nowMs() - startMs
        call.over = true
        answer.resolve(rows)
      },
      (error: unknown) => {
        const failed = (): void => {
          call.over = true
          answer.reject(error)
        }
        // A call that was rewound, or that its caller has given up, is over for both.
        if (asShoalError(error).code === 'cancelled' || signal?.aborted === true) return failed()
        theirs.then((rows) => {
          call.over = true
          this.#changePlaces(lane)
          this.#drop(lane, error)
          answer.resolve(rows)
        }, failed)
      },
    )
  }

  #watchSpare(call: DoubledCall): void {
    const { clock } = this.#options
    const { lane, spareLane, theirs, startMs, answer } = call
    const late = (rows: Float32Array): void => {
      if (call.over) return
      call.over = true
      this.#changePlaces(lane)
      answer.resolve(rows)
    }
    theirs.then(
      (rows) => {
        if (lane.session.repairing === true) late(rows)
        // Two routes that are equally fast differ by less than a step, unless one is lost.
        const graceMs = Math.max(graceMsMin, this.#stepMs, clock.nowMs() - startMs)
        if (!call.over) clock.after(graceMs, () => late(rows))
      },
      (error: unknown) => {
        if (asShoalError(error).code !== 'cancelled') this.#drop(spareLane, error)
      },
    )
  }

  #compare({ lane, spareLane }: DoubledCall, own: Float32Array, other: Float32Array): void {
    if (sameWords(own, other)) return
    this.#differed = true
    const unused = this.#used === lane ? spareLane : lane
    this.#drop(unused, new Error('it computes other bits than the session in use'))
  }

  #changePlaces(from: Lane): void {
    if (this.#used !== from || this.#spare === null) return
    ;[this.#used, this.#spare] = [this.#spare, this.#used]
    this.#takeovers += 1
    this.#options.logger.info('spare-took-over', { takeovers: this.#takeovers })
  }

  #drop(lane: Lane, error: unknown): void {
    if (this.#spare !== lane) return
    this.#spare = null
    this.#options.logger.info('spare-lost', { reason: asShoalError(error).message })
    lane.session.close().catch(() => undefined)
    // Another spare of these peers would compute other bits, too.
    if (!this.#differed) this.#next.seek()
  }

  #takeSpare(spare: HiddenSession): boolean {
    const { session } = this.#used
    if (session.length !== this.#length || spare.length !== this.#length) return false
    this.#spare = new Lane(spare)
    return true
  }
}

function sameWords(a: Float32Array, b: Float32Array): boolean {
  if (a.length !== b.length) return false
  const [words, others] = [a, b].map((rows) => new Int32Array(rows.buffer, rows.byteOffset, rows.length))
  return words?.every((word, index) => word === others?.[index]) === true
}
