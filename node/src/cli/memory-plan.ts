import { physicalCores } from '@shoal/host/node'
import { parseProfile } from '@shoal/model'
import { defaultContextTokens, memoryFor, modelCosts } from '@shoal/planner'
import { loadSwarm } from '../swarm-port.ts'

export interface MemoryPlan {
  readonly blockCount: number
  /** What a process that holds its share needs, head-room included, and no more. */
  readonly memoryBytes: number
  /** What one process would need for all blocks. */
  readonly wholeBytes: number
  /** Compute threads of each, so that together they do not fight over the cores. */
  readonly threads: number
}

/**
 * Memory for each of `processes` nodes that is enough together and too little alone: the planner's own sums.
 * @throws {ShoalError | ModelError} when REF names no model
 */
export async function memoryPlan(options: { model: string; weights?: string; kv?: string; processes: number }): Promise<MemoryPlan> {
  const swarm = await loadSwarm()
  const reference = await swarm.openReference(options.model)
  try {
    const { config } = reference.source
    const profile = options.weights === undefined && options.kv === undefined ? reference.defaultProfile : parseProfile(options.weights ?? reference.defaultProfile.weights, options.kv)
    const costs = modelCosts(config, profile)
    const contextTokens = defaultContextTokens
    const share = Math.ceil(config.blockCount / options.processes)
    return {
      blockCount: config.blockCount,
      memoryBytes: memoryFor(share, costs, contextTokens),
      wholeBytes: memoryFor(config.blockCount, costs, contextTokens),
      threads: Math.max(1, Math.floor(physicalCores() / options.processes)),
    }
  } finally {
    await reference.source.close()
  }
}
