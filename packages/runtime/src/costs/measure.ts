import { sleep, type Clock } from '@shoal/host'
import type { BlockRunner } from '../block-runner.ts'
import { seededValues } from '../probe/seeded-values.ts'

export interface MeasureOptions {
  /** Cache lengths at which decoding is timed. */
  readonly decodeAt?: readonly number[]
  /** Chunk sizes at which prefilling is timed. */
  readonly prefillRows?: readonly number[]
  /** Repetitions, of which the quickest counts: the load of other programs is not part of the machine's speed. */
  readonly repetitions?: number
  /** Pause before each decoded row, as between the steps of a pipeline: a processor that idles takes a while to speed up again. */
  readonly restMs?: number
}

/** The cost of one block on this device: input of the planner. */
export interface RunnerMeasurement {
  readonly decode: readonly { readonly past: number; readonly msPerBlock: number }[]
  readonly prefill: readonly { readonly rows: number; readonly msPerBlockAndRow: number }[]
}

const sessionName = 'measurement'

/** Positions that are computed before a cache is filled with copies of them. */
const computedPositions = 16

/**
 * Times a loaded span, call by call as a session makes them, and subtracts the cost of a call itself. Decoding is timed over
 * all blocks and divided by their number, because in real steps each block finds its weights evicted from the processor's
 * caches by the others; one small block alone would stay cached and look faster than it ever is. A chunk of a prompt reads
 * the weights once for all its rows, so a single block shows its time.
 *
 * The span should be idle. Sessions are opened for the measurement and closed again.
 *
 * @throws {ShoalError} `no-capacity` when there is no room for them
 */
export async function measureRunner(
  runner: BlockRunner,
  clock: Clock,
  options: MeasureOptions = {},
): Promise<RunnerMeasurement> {
  const { decodeAt = [16, 256], prefillRows = [64], repetitions = 7, restMs = 0 } = options
  const { start, end } = runner.range
  const hidden = seededValues(3, Math.max(computedPositions, ...prefillRows) * runner.hiddenSize, 1)
  const rows = (count: number): Float32Array => hidden.subarray(0, count * runner.hiddenSize)

  /** Makes one call more than asked for: the first one grows buffers and does not count. */
  const time = async (past: number, count: number, restMs: number): Promise<number> => {
    const durations: number[] = []
    const calls: number[] = []
    for (let turn = 0; turn <= repetitions; turn += 1) {
      if (restMs > 0) await sleep(clock, restMs)
      const startMs = clock.nowMs()
      await runner.forward(sessionName, past, rows(count))
      const computedMs = clock.nowMs()
      await runner.truncate(sessionName, past)
      if (turn === 0) continue
      durations.push(computedMs - startMs)
      calls.push(clock.nowMs() - computedMs)
    }
    // Truncating takes no time in the engine, so it measures the way there and back.
    return Math.max(0, Math.min(...durations) - Math.min(...calls))
  }

  /** Fills the cache with copies: attention takes equally long over any values, and computing them would take too long. */
  const fillTo = async (past: number): Promise<void> => {
    const known = runner.length(sessionName)
    if (known < computedPositions)
      await runner.forward(sessionName, known, rows(Math.min(past, computedPositions) - known))
    for (let length = runner.length(sessionName); length < past; length = runner.length(sessionName)) {
      const window = await runner.exportKeyValues(sessionName, {
        from: 0,
        to: Math.min(computedPositions, past - length),
      })
      await runner.importKeyValues(sessionName, length, window)
    }
  }

  try {
    const prefill: { rows: number; msPerBlockAndRow: number }[] = []
    await runner.open(sessionName, Math.max(...prefillRows), { start, end: start + 1 })
    for (const count of prefillRows)
      prefill.push({ rows: count, msPerBlockAndRow: (await time(0, count, 0)) / count })
    await runner.close(sessionName)
    const decode: { past: number; msPerBlock: number }[] = []
    await runner.open(sessionName, Math.max(...decodeAt) + 1)
    for (const past of [...decodeAt].sort((a, b) => a - b)) {
      await fillTo(past)
      decode.push({ past, msPerBlock: (await time(past, 1, restMs)) / (end - start) })
    }
    return { decode, prefill }
  } finally {
    await runner.close(sessionName)
  }
}
