import { createSerialQueue, sleep, type Clock } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import { decorateDevice, decorateRunner, type BlockRunner, type Device } from '@shoal/runtime'

export interface SimulatedDeviceOptions {
  readonly clock: Clock
  readonly numericClass: string
  readonly decodeMicrosPerBlock: number
  readonly prefillMicrosPerRowBlock: number
  /** Time to read a block from disk and prepare it. */
  readonly loadMsPerBlock: number
  /** Factor on computing times: 1 as measured, more while other work keeps the machine busy. */
  slowness(): number
  /** Called when a stage breaks a rule that must always hold. */
  onViolation(violation: string): void
}

/** Sums over all spans in memory. */
interface CacheTotals {
  readonly sessions: number
  readonly keyValueBytes: number
  readonly reservedBytes: number
  /** Whether weights and reserved caches of any span exceed its memory limit. */
  readonly overLimit: boolean
}

/**
 * A device that computes real results at once and delivers them when a machine of the given speed would have them. It
 * computes one call after the other, over all sessions.
 */
export interface SimulatedDevice extends Device {
  /** Rows computed, over all sessions and spans. */
  readonly rows: number
  caches(): CacheTotals
}

export function createSimulatedDevice(device: Device, options: SimulatedDeviceOptions): SimulatedDevice {
  const { clock, numericClass, loadMsPerBlock } = options
  const processor = new Processor(options)
  const loaded = new Set<BlockRunner>()
  const load = async (
    range: BlockRange,
    share: number,
    signal: AbortSignal | undefined,
    read: () => Promise<BlockRunner>,
  ): Promise<BlockRunner> => {
    await sleep(clock, loadMsPerBlock * (range.end - range.start), signal)
    const runner = await read()
    loaded.add(runner)
    return simulate(
      runner,
      share,
      processor,
      (violation) => options.onViolation(violation),
      () => loaded.delete(runner),
    )
  }

  return decorateDevice<SimulatedDevice>(device, {
    numericClass,
    get rows() {
      return processor.rows
    },
    loadBlocks: (range, loading) => load(range, 1, loading.signal, () => device.loadBlocks(range, loading)),
    // The sums of a group are computed at once and delivered when the links would deliver them.
    loadRank: (range, loading) =>
      load(range, 1 / loading.share.ranks, loading.signal, () => device.loadRank(range, loading)),
    // All nodes of a simulation share the device underneath, so that none of them closes it.
    close: () => Promise.resolve(),
    caches: () => totals([...loaded].map((runner) => runner.memory())),
  })
}

/** A machine whose speed differs from its own is asked for its speed this often. */
const sliceMs = 100

/** The one processor of a machine, in virtual time: calls wait for those before them. */
class Processor {
  readonly #options: SimulatedDeviceOptions
  readonly #calls = createSerialQueue()
  #rows = 0

  constructor(options: SimulatedDeviceOptions) {
    this.#options = options
  }

  get rows(): number {
    return this.#rows
  }

  /** Resolves when `rows` rows have passed `blocks` blocks; a rank counts its share of each block. */
  async compute(blocks: number, rows: number): Promise<void> {
    const { decodeMicrosPerBlock, prefillMicrosPerRowBlock } = this.#options
    this.#rows += rows
    const micros = blocks * (rows === 1 ? decodeMicrosPerBlock : rows * prefillMicrosPerRowBlock)
    await this.#calls.run(() => this.#work(micros / 1000))
  }

  /** @param workMs at the machine's own speed */
  async #work(workMs: number): Promise<void> {
    const options = this.#options
    // A call that began while the machine was slow goes on at full speed afterwards.
    for (let leftMs = workMs; leftMs > 0;) {
      const factor = options.slowness()
      const stepMs = factor === 1 ? leftMs : Math.min(leftMs * factor, sliceMs)
      await sleep(options.clock, stepMs)
      leftMs -= stepMs / factor
    }
  }
}

/** @param share of each block that this runner computes: 1, or less for a rank of a group */
function simulate(
  runner: BlockRunner,
  share: number,
  processor: Processor,
  onViolation: (violation: string) => void,
  onRelease: () => void,
): BlockRunner {
  const parts = new Map<string, BlockRange>()
  return decorateRunner(runner, {
    async open(session, tokenBudget, part = runner.range) {
      await runner.open(session, tokenBudget, part)
      parts.set(session, part)
    },
    async forward(session, position, hidden) {
      const length = runner.length(session)
      if (position !== length)
        onViolation(`a step at position ${position} was computed in a session of ${length} positions`)
      const part = parts.get(session) ?? runner.range
      const output = await runner.forward(session, position, hidden)
      await processor.compute(share * (part.end - part.start), hidden.length / runner.hiddenSize)
      return output
    },
    async close(session) {
      parts.delete(session)
      await runner.close(session)
    },
    release() {
      onRelease()
      return runner.release()
    },
  })
}

type RunnerMemory = ReturnType<BlockRunner['memory']>

function totals(memories: readonly RunnerMemory[]): CacheTotals {
  const sum = (pick: (memory: RunnerMemory) => number): number =>
    memories.reduce((total, memory) => total + pick(memory), 0)
  return {
    sessions: sum(({ sessions }) => sessions),
    keyValueBytes: sum(({ keyValueBytes }) => keyValueBytes),
    reservedBytes: sum(({ reservedBytes }) => reservedBytes),
    overLimit: memories.some(
      ({ weightBytes, reservedBytes, limitBytes }) => weightBytes + reservedBytes > limitBytes,
    ),
  }
}
