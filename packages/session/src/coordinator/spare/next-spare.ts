import { asShoalError, ShoalError, sleep, type Clock, type Logger } from '@shoal/host'
import { prefill, rowsFrom } from '../../generation/prefill.ts'
import type { HiddenSession } from '../../route/types.ts'
import type { Lane } from './lane.ts'

/** Attempts of one answer to get another spare: each costs the stages a prefill of all rows so far. */
const attemptsMax = 8
/** Pause before an attempt, doubled after each: other peers first notice who is gone, or end answers that take the room. */
const pauseMsMin = 500
const pauseMsMax = 15_000
/** Pause while a spare that has all rows waits until the session in use has taken all calls. */
const untilCalledMs = 10

export interface NextSpareOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly hiddenSize: number
  /** Opens a session over a route that leaves these peers out as far as possible. Absent: a lost spare is not replaced. */
  readonly open?: (without: ReadonlySet<string>) => Promise<HiddenSession>
}

/** The answer that needs another spare. */
export interface SparelessAnswer {
  /** Of the session in use. */
  lane(): Lane
  /** Takes the session as the spare if it is at the position of the answer. @returns whether it did */
  take(spare: HiddenSession): boolean
}

/**
 * Replaces a lost spare in mid-answer: opens a session over other peers, sends it the rows that the session in use has sent, and
 * those that come meanwhile, until it has caught up.
 */
export class NextSpare {
  readonly #options: NextSpareOptions
  readonly #answer: SparelessAnswer
  readonly #over = new AbortController()
  #attempts = 0
  #isRunning = false
  /** The first position whose rows were replaced by others since they were read for the next spare. */
  #rewoundTo = Number.POSITIVE_INFINITY

  constructor(options: NextSpareOptions, answer: SparelessAnswer) {
    this.#options = options
    this.#answer = answer
  }

  /** The answer forgets its positions from `length` on. */
  rewound(length: number): void {
    this.#rewoundTo = Math.min(this.#rewoundTo, length)
  }

  /** Looks for another spare until there is one, or the answer ends. */
  seek(): void {
    const { open } = this.#options
    if (open === undefined || this.#isRunning) return
    this.#isRunning = true
    this.#run(open)
      .catch(() => undefined)
      .finally(() => {
        this.#isRunning = false
      })
  }

  /** The answer is over. */
  end(): void {
    this.#over.abort()
  }

  async #run(open: NonNullable<NextSpareOptions['open']>): Promise<void> {
    const { clock, logger } = this.#options
    while (this.#attempts < attemptsMax) {
      const pauseMs = Math.min(pauseMsMax, pauseMsMin * 2 ** this.#attempts)
      this.#attempts += 1
      await sleep(clock, pauseMs, this.#over.signal)
      let spare: HiddenSession | null = null
      try {
        const peers = this.#answer
          .lane()
          .session.route()
          .map(({ peer }) => peer)
        spare = await open(new Set(peers))
        await this.#catchUp(spare)
        logger.info('spare-replaced', { route: spare.route().map(({ peer }) => peer) })
        return
      } catch (error) {
        await spare?.close()
        if (this.#over.signal.aborted) return
        logger.info('no-spare', { reason: asShoalError(error).message })
      }
    }
  }

  /** Returns once the answer has taken the spare. */
  async #catchUp(spare: HiddenSession): Promise<void> {
    const { clock, hiddenSize } = this.#options
    this.#rewoundTo = Number.POSITIVE_INFINITY
    for (;;) {
      this.#over.signal.throwIfAborted()
      const lane = this.#answer.lane()
      const length = Math.min(spare.length, this.#rewoundTo, lane.session.length)
      this.#rewoundTo = Number.POSITIVE_INFINITY
      if (length < spare.length) spare.forget?.(length)
      if (this.#answer.take(spare)) return
      // Calls that wait behind a rewind, or that would rewind, have not come to the session in use yet.
      if (length === lane.session.length) await sleep(clock, untilCalledMs, this.#over.signal)
      else await prefill(spare, rowsFrom(sentFrom(lane.session, length), hiddenSize), { want: 'none' })
    }
  }
}

function sentFrom(session: HiddenSession, position: number): Float32Array {
  const rows = session.sent?.(position)
  if (rows === undefined)
    throw new ShoalError('internal', 'this session does not keep the rows that it sends')
  return rows
}
