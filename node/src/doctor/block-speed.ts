import { join } from 'node:path'
import { writeRandomModel } from '@shoal/model/node'
import type { CommandContext } from '../cli/context.ts'
import { loadSwarm } from '../swarm-port.ts'

/** Cost of one block on this machine in one weight format. */
export interface BlockSpeed {
  readonly weights: string
  /** Decoding of one token with an empty KV cache: the figure that the planner uses. */
  readonly msPerBlock: number
  /** Milliseconds that each 1,024 positions in the KV cache add. */
  readonly msPer1024Past: number
  /** Raw timings: decoding by cache length, prefill by chunk size. */
  readonly decode: readonly { readonly past: number; readonly ms: number }[]
  readonly prefill: readonly { readonly rows: number; readonly msPerRow: number }[]
  /** Peers with the same class compute the same bits. */
  readonly numericClass: string
  /** Addresses on which the measuring node listened. */
  readonly addresses: readonly string[]
}

/** One block in the shape of Llama 3.2 1B, with a tiny vocabulary. */
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

/** Blocks of the whole 1B model. */
export const blocksOf1B = 16

const formats = ['int4:128', 'int8:32', 'f32'] as const

/** Enough for the float32 weights of one block and a KV cache. */
const memoryBytes = 2 ** 30

/**
 * Starts a real node for each format, on loopback and in a swarm of its own, and reads what it announces. Success shows
 * that packing, native kernels, keys and sockets work on this machine; otherwise the error names what does not.
 *
 * @param folder an empty folder, which the caller removes
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
