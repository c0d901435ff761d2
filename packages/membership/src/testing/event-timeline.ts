import { createVirtualClock, type VirtualClock } from '@shoal/host'

/** Lets everything run that waits for promises only. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 60; turn += 1) await Promise.resolve()
}

/** A virtual clock that stops at every due time, so that what was caused there runs before time goes on. */
export interface EventTimeline {
  readonly clock: VirtualClock
  run(durationMs: number): Promise<void>
}

export function createEventTimeline(): EventTimeline {
  const virtual = createVirtualClock()
  /** Every time at which something was due when it was added; one whose timers were cancelled costs an empty turn. */
  const dueTimes = new Set<number>()
  const clock: VirtualClock = {
    ...virtual,
    after(delayMs, action) {
      dueTimes.add(virtual.nowMs() + Math.max(0, delayMs))
      return virtual.after(delayMs, action)
    },
  }
  return {
    clock,
    async run(durationMs) {
      const endMs = clock.nowMs() + durationMs
      await settle()
      while (clock.nowMs() < endMs) {
        let nextMs = endMs
        for (const dueMs of dueTimes) {
          if (dueMs <= clock.nowMs()) dueTimes.delete(dueMs)
          else if (dueMs < nextMs) nextMs = dueMs
        }
        clock.advance(nextMs - clock.nowMs())
        await settle()
      }
    },
  }
}
