import type { VirtualClock } from '@shoal/host'
import { turnOfEventLoop } from '../turn.ts'

/** Runs a world in virtual time: one event after the other, and all pending promises between two events. */
export interface EventLoop {
  readonly clock: VirtualClock
  run(durationMs: number): Promise<void>
  /** @returns whether the condition held in time */
  until(holds: () => boolean, withinMs: number): Promise<boolean>
  /** Runs until the promise settles. @returns its value; undefined when that takes longer than the limit */
  within<Value>(
    promise: Promise<Value>,
    withinMs: number,
  ): Promise<{ readonly value: Value } | { readonly error: unknown } | undefined>
  /** Number of events so far. */
  readonly turns: number
}

/** Limit of events at one instant of virtual time: beyond it a timer sets itself again without delay, for ever. */
const eventsAtOnceMax = 100_000

/** @param onTurn runs the checkers after each event, once all promises have settled */
export function createEventLoop(clock: VirtualClock, onTurn: () => void): EventLoop {
  let turns = 0
  let instant = { ms: clock.nowMs(), turns: 0 }

  /** @returns false when no event is due until `untilMs` */
  const turn = async (untilMs: number): Promise<boolean> => {
    const dueMs = clock.dueMs()
    if (dueMs === null || dueMs > untilMs) return false
    if (dueMs > instant.ms) instant = { ms: dueMs, turns }
    else if (turns - instant.turns > eventsAtOnceMax)
      throw new Error(
        `${eventsAtOnceMax} events at ${instant.ms} ms: a timer sets itself again without delay`,
      )
    clock.step()
    await turnOfEventLoop()
    turns += 1
    onTurn()
    return true
  }

  const until = async (holds: () => boolean, withinMs: number): Promise<boolean> => {
    const endMs = clock.nowMs() + withinMs
    await turnOfEventLoop()
    while (!holds()) {
      if (await turn(endMs)) continue
      clock.advance(endMs - clock.nowMs())
      return holds()
    }
    return true
  }

  return {
    clock,
    async run(durationMs) {
      await until(() => false, durationMs)
    },
    until,
    async within<Value>(promise: Promise<Value>, withinMs: number) {
      let outcome: { readonly value: Value } | { readonly error: unknown } | undefined
      promise.then(
        (value) => void (outcome = { value }),
        (error: unknown) => void (outcome = { error }),
      )
      await until(() => outcome !== undefined, withinMs)
      return outcome
    },
    get turns() {
      return turns
    },
  }
}
