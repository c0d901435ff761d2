import { sleep, type Clock } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import { decorateDevice, decorateRunner, type BlockRunner, type Device } from '@shoal/runtime'

export interface SimulatedDeviceOptions {
  readonly clock: Clock
  readonly numericClass: string
  readonly decodeMicrosPerBlock: number
  readonly prefillMicrosPerRowBlock: number
  /** Reading a block from disk and making it ready. */
  readonly loadMsPerBlock: number
  /** 1 as measured; more while something else keeps the machine busy. */
  slowness(): number
  /** What no stage may ever do. */
  onViolation(violation: string): void
}

/**
 * A device whose results are computed at once, for real, and arrive when a machine of this speed would have them: one
 * call after the other, over all sessions.
 */
export interface SimulatedDevice extends Device {
  /** Rows computed, over all sessions and spans. */
  readonly rows: number
  /** Of all spans in memory. */
  caches(): {
    readonly sessions: number
    readonly keyValueBytes: number
    readonly reservedBytes: number
    readonly overLimit: boolean
  }
}

export function createSimulatedDevice(device: Device, options: SimulatedDeviceOptions): SimulatedDevice {
  const { clock, numericClass, loadMsPerBlock } = options
  let busyUntilMs = clock.nowMs()
  const loaded = new Set<BlockRunner>()
  let rows = 0

  const compute = async (blocks: number, count: number): Promise<void> => {
    rows += count
    const micros =
      blocks *
      (count === 1 ? options.decodeMicrosPerBlock : count * options.prefillMicrosPerRowBlock) *
      options.slowness()
    busyUntilMs = Math.max(clock.nowMs(), busyUntilMs) + micros / 1000
    await sleep(clock, busyUntilMs - clock.nowMs())
  }

  /** @param share of each block */
  const simulate = (runner: BlockRunner, share = 1): BlockRunner => {
    const parts = new Map<string, BlockRange>()
    return decorateRunner(runner, {
      async open(session, tokenBudget, part = runner.range) {
        await runner.open(session, tokenBudget, part)
        parts.set(session, part)
      },
      async forward(session, position, hidden) {
        const length = runner.length(session)
        if (position !== length)
          options.onViolation(
            `a step at position ${position} was computed in a session of ${length} positions`,
          )
        const part = parts.get(session) ?? runner.range
        const output = await runner.forward(session, position, hidden)
        await compute(share * (part.end - part.start), hidden.length / runner.hiddenSize)
        return output
      },
      async close(session) {
        parts.delete(session)
        await runner.close(session)
      },
      release() {
        loaded.delete(runner)
        return runner.release()
      },
    })
  }

  return decorateDevice<SimulatedDevice>(device, {
    numericClass,
    get rows() {
      return rows
    },
    async loadBlocks(range, loading) {
      await sleep(clock, loadMsPerBlock * (range.end - range.start), loading.signal)
      const runner = await device.loadBlocks(range, loading)
      loaded.add(runner)
      return simulate(runner)
    },
    async loadRank(range, loading) {
      await sleep(clock, loadMsPerBlock * (range.end - range.start), loading.signal)
      const runner = await device.loadRank(range, loading)
      loaded.add(runner)
      // Its sums are made at once and waited for as long as the links take.
      return simulate(runner, 1 / loading.share.ranks)
    },
    // The device under it serves all nodes of a simulation.
    close: () => Promise.resolve(),
    caches() {
      const memories = [...loaded].map((runner) => runner.memory())
      const sum = (pick: (memory: (typeof memories)[number]) => number): number =>
        memories.reduce((total, memory) => total + pick(memory), 0)
      return {
        sessions: sum(({ sessions }) => sessions),
        keyValueBytes: sum(({ keyValueBytes }) => keyValueBytes),
        reservedBytes: sum(({ reservedBytes }) => reservedBytes),
        overLimit: memories.some(
          ({ weightBytes, reservedBytes, limitBytes }) => weightBytes + reservedBytes > limitBytes,
        ),
      }
    },
  })
}
