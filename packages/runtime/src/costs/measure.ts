import { sleep, type Clock } from '@shoal/host'
import type { BlockRunner } from '../block-runner.ts'
import { seededValues } from '../probe/seeded-values.ts'

export interface MeasureOptions {
  /** Cache lengths at which decoding is timed. */
  readonly decodeAt?: readonly number[]
  /** Chunk sizes at which prefilling is timed. */
  readonly prefillRows?: readonly number[]
  /** Repetitions; the quickest counts: what others take from the machine meanwhile is not its speed. */
  readonly repetitions?: number
  /** Pause before each decoded row, as while others have their turn: a processor that waits takes a while to be itself again. */
  readonly restMs?: number
}

/** What one block costs on this device: the planner's input. */
export interface RunnerMeasurement {
  readonly decode: readonly { readonly past: number; readonly msPerBlock: number }[]
  readonly prefill: readonly { readonly rows: number; readonly msPerBlockAndRow: number }[]
}

const sessionName = 'measurement'

/** Positions that are computed before a cache is filled with copies of them. */
const computedPositions = 16

/**
 * Times a loaded span, call by call as a session makes them, and takes off what any call costs. Decoding goes through
 * all blocks and is divided by their number: each finds in the processor's caches what the others have left of it. So
 * a span of more weights than fit there says what real steps cost, and one small block alone what they never cost.
 * A chunk of a prompt reads weights once for all its rows; one block tells its time.
 * The span should be idle; sessions of its own are opened and closed.
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

  /** One call more than asked for: the first one grows buffers. */
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
    // Forgetting a row goes to the compute thread and back like everything else, and takes no time there.
    return Math.max(0, Math.min(...durations) - Math.min(...calls))
  }

  /** Attention takes as long over any keys and values: computing a long cache would take longer than all the rest. */
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
