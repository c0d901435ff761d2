import type { Logger } from '@shoal/host'
import { physicalCores } from '@shoal/host/node'
import { loadSwarm } from '../swarm-port.ts'

/** Concurrent answers for which the processes of `npm start` have room: a chat, the dashboard, two API requests. */
export const sessionsAtOnce = 4

export interface MemoryPlan {
  readonly blockCount: number
  /** Bytes that a process needs for its share of the model and one answer, head-room included. */
  readonly memoryBytes: number
  /** Bytes for the further concurrent answers, which together with the first are `sessionsAtOnce`. */
  readonly sessionMemoryBytes: number
  /** Bytes that one process would need for all blocks. */
  readonly wholeBytes: number
  /** Compute threads of each process; together they do not exceed the cores. */
  readonly threads: number
}

/**
 * Memory for each of `processes` nodes with which they hold the model together and none holds it alone, computed with the
 * planner's own formulas.
 * @throws {ShoalError | ModelError} when REF names no model
 */
export async function memoryPlan(options: {
  model: string
  weights?: string
  kv?: string
  processes: number
  /** Logs retries of a hub that is busy or unreachable. */
  logger: Logger
  signal: AbortSignal
}): Promise<MemoryPlan> {
  const [swarm, planner] = await Promise.all([loadSwarm(), import('@shoal/planner')])
  const reference = await swarm.openReference(options.model, options)
  try {
    const { config } = reference.source
    const profile = await swarm.chooseProfile(reference, options, options.signal)
    const costs = planner.modelCosts(config, profile)
    // The context length for which the planner makes room by default.
    const contextTokens = Math.min(planner.defaultContextTokens, config.contextLength)
    const fitting = (blocks: number): number =>
      leastThat((bytes) => planner.blocksThatFit(bytes, costs, contextTokens) >= blocks)
    const share = Math.ceil(config.blockCount / options.processes)
    const shareBytes = (sessions: number): number => planner.spanBytes(share, costs, sessions * contextTokens)
    return {
      blockCount: config.blockCount,
      memoryBytes: fitting(share),
      sessionMemoryBytes: shareBytes(sessionsAtOnce) - shareBytes(1),
      wholeBytes: fitting(config.blockCount),
      threads: Math.max(1, Math.floor(physicalCores() / options.processes)),
    }
  } finally {
    await reference.source.close()
  }
}

/** Least number for which a monotonic condition holds, by doubling and then bisection. */
export function leastThat(holds: (bytes: number) => boolean): number {
  let above = 1
  while (!holds(above)) above *= 2
  let below = Math.floor(above / 2)
  while (above - below > 1) {
    const middle = Math.floor((above + below) / 2)
    if (holds(middle)) above = middle
    else below = middle
  }
  return above
}
