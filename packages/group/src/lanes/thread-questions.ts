import { orAborted, ShoalError, timeLimit, type Clock } from '@shoal/host'
import { groupTimes } from '../limits.ts'
import type { FromThread, ToThread } from './thread-messages.ts'

/** Questions to the computing thread that wait for their answers. */
export class ThreadQuestions {
  readonly #clock: Clock
  readonly #tell: (message: ToThread) => void
  readonly #waiting = new Map<number, PromiseWithResolvers<FromThread>>()
  #next = 0

  constructor(clock: Clock, tell: (message: ToThread) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  /** @throws {ShoalError} `deadline-passed`, or the signal's reason */
  async ask(make: (ask: number) => ToThread, signal: AbortSignal): Promise<FromThread> {
    const limit = timeLimit(
      this.#clock,
      groupTimes.laneTimeoutMs,
      () =>
        new ShoalError(
          'deadline-passed',
          `the computing thread did not answer within ${groupTimes.laneTimeoutMs} ms`,
        ),
      signal,
    )
    const answered = Promise.withResolvers<FromThread>()
    const id = this.#next
    this.#next += 1
    this.#waiting.set(id, answered)
    try {
      this.#tell(make(id))
      return await orAborted(answered.promise, limit.signal)
    } finally {
      limit.clear()
      this.#waiting.delete(id)
    }
  }

  answer(ask: number, message: FromThread): void {
    this.#waiting.get(ask)?.resolve(message)
  }
}
