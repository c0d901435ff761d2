import type { VirtualClock } from '@shoal/host'
import { turnOfEventLoop } from '../turn.ts'

/** Runs a world in virtual time, one event after the other, and everything that waits for promises in between. */
export interface EventLoop {
  readonly clock: VirtualClock
  run(durationMs: number): Promise<void>
  /** @returns whether it came to hold in time */
  until(holds: () => boolean, withinMs: number): Promise<boolean>
  /** What the promise comes to; undefined when that takes longer. */
  within<Value>(
    promise: Promise<Value>,
    withinMs: number,
  ): Promise<{ readonly value: Value } | { readonly error: unknown } | undefined>
  /** Events so far. */
  readonly turns: number
}

/** Events at one instant of virtual time: more are a timer that sets itself again without delay, for ever. */
const eventsAtOnceMax = 100_000

/** @param onTurn runs after each event, when all is settled: checkers */
export function createEventLoop(clock: VirtualClock, onTurn: () => void): EventLoop {
  let turns = 0
  let instant = { ms: clock.nowMs(), turns: 0 }

  /** @returns false when nothing is due by then */
  const turn = async (untilMs: number): Promise<boolean> => {
    const dueMs = clock.dueMs()
    if (dueMs === null || dueMs > untilMs) return false
    if (dueMs > instant.ms) instant = { ms: dueMs, turns }
    else if (turns - instant.turns > eventsAtOnceMax)
      throw new Error(`${eventsAtOnceMax} events at ${instant.ms} ms, and time does not go on`)
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
