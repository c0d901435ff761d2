import { createSerialQueue, ShoalError, orAborted, throwIfAborted } from '@shoal/host'
import type { BlockRunner } from '@shoal/runtime'
import { checkAppended } from '../route/appended-rows.ts'
import type { HiddenSession } from '../route/types.ts'

export interface LocalSessionOptions {
  readonly session: string
  readonly tokenBudget: number
  /** Name of this process in the session's route; `local` when absent. */
  readonly peer?: string
}

/**
 * A session that computes all blocks in this process: the reference that swarms are compared with, and the session of a
 * peer that holds the whole model. Several runners cut the model as the stages of a route do.
 * @throws {ShoalError} `bad-request` without a runner; a runner's refusal to open
 */
export async function createLocalSession(
  runners: readonly BlockRunner[],
  options: LocalSessionOptions,
): Promise<HiddenSession> {
  const { session, tokenBudget, peer = 'local' } = options
  const hiddenSize = runners[0]?.hiddenSize
  if (hiddenSize === undefined)
    throw new ShoalError('bad-request', 'a local session needs at least one runner')
  await openAll(runners, session, tokenBudget)

  let length = 0
  let closed = false
  let failure: unknown = null
  const computing = createSerialQueue()

  const compute = async (hidden: Float32Array, position: number, rewinds: boolean): Promise<Float32Array> => {
    let rows = hidden
    for (const runner of runners) {
      if (failure !== null) throw failure
      if (closed) throw new ShoalError('cancelled', 'the session was closed')
      try {
        if (rewinds) await runner.truncate(session, position)
        rows = await runner.forward(session, position, rows)
      } catch (error) {
        // The runners' lengths may differ now, so nothing may be appended any more.
        failure = error
        throw error
      }
    }
    return rows
  }

  return {
    get length() {
      return length
    },
    async forward(hidden, { want, position = length, signal }) {
      throwIfAborted(signal)
      if (closed) throw new ShoalError('cancelled', 'the session was closed')
      const rows = checkAppended({ hiddenSize, length, tokenBudget }, hidden, position)
      const rewinds = position < length
      length = position + rows
      // A queued call reads its rows later, when the caller may have reused the array.
      const kept = hidden.slice()
      const all = await orAborted(
        computing.run(() => compute(kept, position, rewinds)),
        signal,
      )
      if (want === 'none') return new Float32Array(0)
      return want === 'last' ? all.slice(-hiddenSize) : all
    },
    route: () => runners.map(({ range, ranks = 1 }) => ({ peer, start: range.start, end: range.end, ranks })),
    failovers: 0,
    moves: 0,
    continuity: 'identical',
    async close() {
      closed = true
      for (const runner of runners) await runner.close(session)
    },
  }
}

/** Opens the session at every runner, or at none. */
async function openAll(runners: readonly BlockRunner[], session: string, tokenBudget: number): Promise<void> {
  const opened: BlockRunner[] = []
  try {
    for (const runner of runners) {
      await runner.open(session, tokenBudget)
      opened.push(runner)
    }
  } catch (error) {
    for (const runner of opened) await runner.close(session)
    throw error
  }
}
