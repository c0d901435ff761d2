import type { Clock } from '@shoal/host'
import type { BlockRunner } from './block-runner.ts'
import { seededValues } from './probe/seeded-values.ts'

export interface MeasureOptions {
  /** Cache lengths at which decoding is timed. */
  readonly decodeAt?: readonly number[]
  /** Chunk sizes at which prefilling is timed. */
  readonly prefillRows?: readonly number[]
  /** Repetitions; the quickest counts: what others take from the machine meanwhile is not its speed. */
  readonly repetitions?: number
}

/** What one block costs on this device: the planner's input. */
export interface RunnerMeasurement {
  readonly decode: readonly { readonly past: number; readonly msPerBlock: number }[]
  readonly prefill: readonly { readonly rows: number; readonly msPerBlockAndRow: number }[]
}

const sessionName = 'measurement'

/**
 * Times a loaded span, call by call as a session makes them, takes off what any call costs, and divides by its blocks:
 * a span of many blocks pays for its call once.
 * The span should be idle; a session of its own is opened and closed.
 *
 * @throws {ShoalError} `no-capacity` when there is no room for that session
 */
export async function measureRunner(runner: BlockRunner, clock: Clock, options: MeasureOptions = {}): Promise<RunnerMeasurement> {
  const { decodeAt = [16, 256], prefillRows = [64], repetitions = 7 } = options
  const blocks = runner.range.end - runner.range.start
  const longest = Math.max(...decodeAt, ...prefillRows) + 1
  const hidden = seededValues(3, longest * runner.hiddenSize, 1)
  const rows = (count: number): Float32Array => hidden.subarray(0, count * runner.hiddenSize)

  /** One call more than asked for: the first one grows buffers. */
  const time = async (past: number, count: number): Promise<number> => {
    const durations: number[] = []
    const calls: number[] = []
    for (let turn = 0; turn <= repetitions; turn += 1) {
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

  await runner.open(sessionName, longest)
  try {
    const prefill: { rows: number; msPerBlockAndRow: number }[] = []
    for (const count of prefillRows) prefill.push({ rows: count, msPerBlockAndRow: (await time(0, count)) / blocks / count })
    const decode: { past: number; msPerBlock: number }[] = []
    for (const past of [...decodeAt].sort((a, b) => a - b)) {
      const known = runner.length(sessionName)
      if (past > known) await runner.forward(sessionName, known, rows(past - known))
      decode.push({ past, msPerBlock: (await time(past, 1)) / blocks })
    }
    return { decode, prefill }
  } finally {
    await runner.close(sessionName)
  }
}
