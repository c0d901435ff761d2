import { sleep, type Clock } from '@shoal/host'
import { decorateDevice, decorateRunner, type BlockRunner, type Device, type SumRanks } from '@shoal/runtime'

/** Of one row, so many calls of a kind are remembered: their median is what the next one is taken to have cost. */
const callsKept = 9

/**
 * The same device, so many times slower: answers are held back as if each call had taken that much longer and those
 * behind it had waited. For swarms of unequal devices on one machine.
 *
 * A rank's partial sums are held back likewise, before it hands them to the sum: what it waits for others is not slowed.
 * @param clock one with precise timers: a rank is held back twice for each block, some milliseconds each time
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

/** Sums of a rank whose halves of blocks take so many times longer. */
function heldSum(
  clock: Clock,
  slowdown: number,
  sum: SumRanks,
  isRow: (values: number) => boolean,
): SumRanks {
  // A block has two halves that cost differently, and they come in turns.
  let [usual, other] = [createUsual(), createUsual()]
  let lateMs = 0
  return async (partial, computedMs) => {
    const restMs = usual(isRow(partial.length), computedMs) * (slowdown - 1) - lateMs
    ;[usual, other] = [other, usual]
    if (restMs > 0) {
      const dueMs = clock.nowMs() + restMs
      await sleep(clock, restMs)
      // A timer that came late makes the next one come sooner. One that came very late was stopped with its process.
      lateMs = Math.min(restMs, clock.nowMs() - dueMs)
    } else {
      lateMs = -restMs
    }
    return sum(partial, computedMs)
  }
}

/** What calls usually take: a core that somebody else had for a moment does not make a slow device so many times slower. */
function createUsual(): (isRow: boolean, ms: number) => number {
  const recent: number[] = []
  return (isRow, ms) => {
    if (!isRow) return ms
    recent.push(ms)
    if (recent.length > callsKept) recent.shift()
    return [...recent].sort((a, b) => a - b)[recent.length >> 1] ?? ms
  }
}
