import { sleep, type Clock } from '@shoal/host'
import { decorateDevice, decorateRunner, type BlockRunner, type Device, type SumRanks } from '@shoal/runtime'

/** Calls of one row that are remembered. Their median is taken as the cost of the next one. */
const callsKept = 9

/**
 * The device, slowed down by a factor: an answer is held back as if its call and those before it had taken that much longer.
 * For swarms of unequal devices on one machine.
 *
 * The partial sums of a rank are held back before they are exchanged; its wait for other ranks is not slowed.
 * @param clock with precise timers: a rank is held back twice for each block, some milliseconds each time
 */
export function slowed(device: Device, clock: Clock, slowdown: number): Device {
  let endedMs = clock.nowMs()
  let doneMs = endedMs
  const held = (runner: BlockRunner): BlockRunner => {
    const usual = createUsual()
    return decorateRunner(runner, {
      async forward(session, position, hidden) {
        const beganMs = clock.nowMs()
        const rows = await runner.forward(session, position, hidden)
        const nowMs = clock.nowMs()
        const computedMs = nowMs - Math.max(beganMs, endedMs)
        doneMs =
          Math.max(doneMs, nowMs - computedMs) +
          usual(hidden.length === runner.hiddenSize, computedMs) * slowdown
        endedMs = nowMs
        if (doneMs > nowMs) await sleep(clock, doneMs - nowMs)
        return rows
      },
    })
  }
  return decorateDevice(device, {
    loadBlocks: async (range, options) => held(await device.loadBlocks(range, options)),
    loadRank(range, options) {
      let rowValues = 0
      const sum = heldSum(clock, slowdown, options.sum, (values) => values === rowValues)
      return device.loadRank(range, { ...options, sum }).then((runner) => {
        rowValues = runner.hiddenSize
        return runner
      })
    },
  })
}

/** The sums of a rank whose half blocks take `slowdown` times longer. */
function heldSum(
  clock: Clock,
  slowdown: number,
  sum: SumRanks,
  isRow: (values: number) => boolean,
): SumRanks {
  // The two halves of a block cost differently and alternate.
  let [usual, other] = [createUsual(), createUsual()]
  let lateMs = 0
  return async (partial, computedMs) => {
    const restMs = usual(isRow(partial.length), computedMs) * (slowdown - 1) - lateMs
    ;[usual, other] = [other, usual]
    if (restMs > 0) {
      const dueMs = clock.nowMs() + restMs
      await sleep(clock, restMs)
      // A late timer shortens the next pause. The limit is for a process that was suspended.
      lateMs = Math.min(restMs, clock.nowMs() - dueMs)
    } else {
      lateMs = -restMs
    }
    return sum(partial, computedMs)
  }
}

/** The usual time of a call. A call that other work has delayed must not be multiplied by the slowdown. */
function createUsual(): (isRow: boolean, ms: number) => number {
  const recent: number[] = []
  return (isRow, ms) => {
    if (!isRow) return ms
    recent.push(ms)
    if (recent.length > callsKept) recent.shift()
    return [...recent].sort((a, b) => a - b)[recent.length >> 1] ?? ms
  }
}
