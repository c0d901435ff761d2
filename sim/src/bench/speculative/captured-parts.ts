import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import {
  decorateDevice,
  decorateRunner,
  type BlockRunner,
  type EmbeddingTable,
  type HeadRunner,
} from '@shoal/runtime'
import type { Engine } from '@shoal/swarm'
import { openLocalEngine } from '@shoal/swarm/node'

/** A model in this process, and the parts that compute it. */
export interface CapturedParts {
  readonly engine: Engine
  /** The first span that was loaded. */
  readonly runner: BlockRunner
  readonly head: HeadRunner
  readonly embedding: EmbeddingTable
}

/** Opens a model with one thread. @param cut where blocks are loaded up to; all when absent */
export async function openParts(
  model: string,
  { dataFolder, weights, cut }: { dataFolder: string; weights?: string; cut?: number },
): Promise<CapturedParts> {
  const parts: { runner?: BlockRunner; head?: HeadRunner; embedding?: EmbeddingTable } = {}
  const engine = await openLocalEngine(
    { clock: systemClock, random: systemRandom, logger: silentLogger },
    {
      model,
      dataFolder,
      threads: 1,
      ...(weights !== undefined && { weights }),
      ...(cut !== undefined && { cuts: [cut] }),
      wrap: (own) =>
        decorateDevice(own, {
          async loadBlocks(range, options) {
            // The blocks behind the cut would take as long, and are not needed.
            if (parts.runner !== undefined)
              return decorateRunner(parts.runner, { release: () => Promise.resolve() })
            return (parts.runner = await own.loadBlocks(range, options))
          },
          loadHead: async () => (parts.head = await own.loadHead()),
          loadEmbedding: async () => (parts.embedding = await own.loadEmbedding()),
        }),
    },
  )
  const { runner, head, embedding } = parts
  if (runner === undefined || head === undefined || embedding === undefined)
    throw new Error('a part of the model was not loaded')
  return { engine, runner, head, embedding }
}
