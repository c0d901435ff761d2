import { join } from 'node:path'
import { writeRandomModel } from '@shoal/model/node'
import type { CommandContext } from '../cli/context.ts'
import { loadSwarm } from '../swarm-port.ts'

/** What one block costs on this machine in one format. */
export interface BlockSpeed {
  readonly weights: string
  /** Decoding one token behind an empty cache, the figure that the planner is told. */
  readonly msPerBlock: number
  /** What each 1,024 positions of the cache add to it. */
  readonly msPer1024Past: number
  /** As timed: decoding by cache length, prompts by chunk size. */
  readonly decode: readonly { readonly past: number; readonly ms: number }[]
  readonly prefill: readonly { readonly rows: number; readonly msPerRow: number }[]
  /** Peers with the same class compute the same bits. */
  readonly numericClass: string
  /** Where the node that measured this listened. */
  readonly addresses: readonly string[]
}

/** One block in the shape of Llama 3.2 1B, with a vocabulary of almost nothing. */
const shape = {
  hidden: 2048,
  blocks: 1,
  heads: 32,
  keyValueHeads: 8,
  feedForward: 8192,
  vocabulary: 64,
  context: 4096,
  tied: true,
  seed: 1,
}

/** The whole 1B model has this many of them. */
export const blocksOf1B = 16

const formats = ['int4:32', 'int8:32', 'f32'] as const

/** Float32 weights of one block, a KV cache and room to spare. */
const memoryBytes = 2 ** 30

/**
 * Starts a real node for each format, on loopback and of no swarm but its own, and reads what it announces: packing,
 * native kernels, keys and sockets work here, or the error says what does not.
 *
 * @param folder an empty one; whoever made it removes it
 */
export async function measureBlocks(
  context: CommandContext,
  folder: string,
  threads: number,
): Promise<BlockSpeed[]> {
  const { signal } = context
  const model = join(folder, 'model')
  await writeRandomModel(model, shape, { signal })
  const swarm = await loadSwarm()
  const speeds: BlockSpeed[] = []
  for (const weights of formats) {
    const node = await swarm.startNode(context, {
      model,
      weights,
      join: [],
      listen: [],
      lan: false,
      memoryBytes,
      threads,
      dataFolder: join(folder, 'node'),
      onEvent: () => undefined,
      signal,
    })
    try {
      const { speed } = node
      speeds.push({
        weights,
        msPerBlock: speed.decodeMicrosPerBlock / 1000,
        msPer1024Past: speed.decodeMicrosPer1024Past / 1000,
        decode: speed.decode.map(({ past, micros }) => ({ past, ms: micros / 1000 })),
        prefill: speed.prefill.map(({ rows, microsPerRow }) => ({ rows, msPerRow: microsPerRow / 1000 })),
        numericClass: node.numericClass,
        addresses: node.addresses(),
      })
    } finally {
      await node.close()
    }
  }
  return speeds
}
