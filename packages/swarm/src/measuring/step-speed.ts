import type { Clock } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import { decorateDevice, decorateRunner, type BlockRunner, type Device } from '@shoal/runtime'

/** Measures how fast a device decodes in real steps. Calibration only imitates them, while other nodes start as well. */
export interface StepSpeed {
  /** Microseconds of one row in one block behind an empty KV cache: the median of recent steps; null before there are enough. */
  decodeMicrosPerBlock(): number | null
  /** The device, with the steps of its runners timed. */
  watch(device: Device): Device
  /** The runner, with its steps timed. */
  watchRunner(runner: BlockRunner, range: BlockRange): BlockRunner
}

/** Time of a step that belongs to no block: the call of the compute thread (docs/log.md). Plans count it once per stage. */
const callMicros = 300

/** The median is that of so many steps at most. */
const stepsKept = 64
/** Before so many steps there is no median. */
const stepsNeeded = 16

/** @param microsPer1024Past microseconds per block that reading 1,024 cached positions takes; subtracted from each step */
export function createStepSpeed(clock: Clock, microsPer1024Past: () => number): StepSpeed {
  const steps: number[] = []
  let underWay = 0
  let began = 0

  const note = (ms: number, blocks: number, past: number): void => {
    const micros = (ms * 1000) / blocks
    // A slope that was timed on a busy machine may exceed the time of the whole step.
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
          // A step counts only when no other step ran at the same time.
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
    // Ranks are not timed: their steps include the time that they wait for other ranks.
    watch: (device) =>
      decorateDevice(device, {
        loadBlocks: async (range, options) => watchRunner(await device.loadBlocks(range, options), range),
      }),
  }
}
