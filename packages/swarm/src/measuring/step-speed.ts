import type { Clock } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import { decorateDevice, decorateRunner, type BlockRunner, type Device } from '@shoal/runtime'

/** How fast a device decodes in real steps, where calibration could only imitate them, on a machine full of newcomers. */
export interface StepSpeed {
  /** One row through one block behind an empty cache, the median of recent steps; null before there are enough. */
  decodeMicrosPerBlock(): number | null
  /** The same device, whose steps are timed. */
  watch(device: Device): Device
  /** The same runner, whose steps are. */
  watchRunner(runner: BlockRunner, range: BlockRange): BlockRunner
}

/** Of a step's time, what is no block's: to the compute thread and back (docs/log.md). Plans count it once per stage. */
const callMicros = 300

/** Steps that are remembered, and that are needed before they say anything. */
const stepsKept = 64
const stepsNeeded = 16

/** @param microsPer1024Past what is taken off each step for the cache it read */
export function createStepSpeed(clock: Clock, microsPer1024Past: () => number): StepSpeed {
  const steps: number[] = []
  let underWay = 0
  let began = 0

  const note = (ms: number, blocks: number, past: number): void => {
    const micros = (ms * 1000) / blocks
    // A slope that was timed on a busy machine may say more than the whole step took.
    steps.push(Math.max(micros / 2, micros - callMicros / blocks - (microsPer1024Past() * past) / 1024))
    if (steps.length > stepsKept) steps.shift()
  }
  const watchRunner = (runner: BlockRunner, range: BlockRange): BlockRunner => {
    // A session may use a part of the span.
    const parts = new Map<string, number>()
    return decorateRunner(runner, {
      async open(session, tokenBudget, part) {
        await runner.open(session, tokenBudget, part)
        parts.set(session, part === undefined ? range.end - range.start : part.end - part.start)
      },
      async close(session) {
        parts.delete(session)
        await runner.close(session)
      },
      async forward(session, position, hidden) {
        underWay += 1
        began += 1
        const [alone, turn, startMs] = [underWay === 1, began, clock.nowMs()]
        const single = hidden.length === runner.hiddenSize
        try {
          return await runner.forward(session, position, hidden)
        } finally {
          underWay -= 1
          // Only a step that no other was beside tells how long a step takes.
          const blocks = parts.get(session)
          if (single && alone && began === turn && blocks !== undefined)
            note(clock.nowMs() - startMs, blocks, position)
        }
      },
    })
  }
  return {
    decodeMicrosPerBlock: () =>
      steps.length < stepsNeeded
        ? null
        : Math.round([...steps].sort((a, b) => a - b)[steps.length >> 1] ?? 0),
    watchRunner,
    // Ranks are not watched: the time that a rank waits for the others says nothing about this device.
    watch: (device) =>
      decorateDevice(device, {
        loadBlocks: async (range, options) => watchRunner(await device.loadBlocks(range, options), range),
      }),
  }
}
