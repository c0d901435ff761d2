import type { Logger } from '@shoal/host'
import { physicalCores } from '@shoal/host/node'
import { parseProfile } from '@shoal/model'
import { loadSwarm } from '../swarm-port.ts'

/** Answers for which the processes of `npm start` have room: a chat, the dashboard, and two requests to the API. */
export const sessionsAtOnce = 4

export interface MemoryPlan {
  readonly blockCount: number
  /** What a process needs for its share of the model and one answer, head-room included, and no more. */
  readonly memoryBytes: number
  /** What further answers at once take beside that, `sessionsAtOnce` with the first. */
  readonly sessionMemoryBytes: number
  /** What one process would need for all blocks. */
  readonly wholeBytes: number
  /** Compute threads of each, so that together they do not fight over the cores. */
  readonly threads: number
}

/**
 * Memory for each of `processes` nodes that is enough together and too little alone: by the planner's own sums.
 * @throws {ShoalError | ModelError} when REF names no model
 */
export async function memoryPlan(options: {
  model: string
  weights?: string
  kv?: string
  processes: number
  /** Told when a hub is busy or away and is asked again. */
  logger: Logger
  signal: AbortSignal
}): Promise<MemoryPlan> {
  const [swarm, planner] = await Promise.all([loadSwarm(), import('@shoal/planner')])
  const reference = await swarm.openReference(options.model, options)
  try {
    const { config } = reference.source
    const profile =
      options.weights === undefined && options.kv === undefined
        ? reference.defaultProfile
        : parseProfile(options.weights ?? reference.defaultProfile.weights, options.kv)
    const costs = planner.modelCosts(config, profile)
    // What the planner makes room for when nobody tells it otherwise.
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

/** The least number for which a condition holds that, once true, stays true: doubling, then halving. */
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
