import { join } from 'node:path'
import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { startNode, type ServingPeer } from '@shoal/swarm/node'
import type { Engine } from '@shoal/swarm'
import { startNodeProcess, type NodeProcess } from 'shoal/node-process'

const memoryBytes = 8 * 2 ** 30

/** A model cut over processes, of which this one coordinates. */
export interface Pipeline {
  readonly engine: Engine
  close(): Promise<void>
}

export interface PipelineSettings {
  /** REF. */
  readonly model: string
  readonly processes: number
  readonly blockCount: number
  /** Of each process. */
  readonly threads: number
  readonly dataFolder: string
  /** For the data of the other processes. */
  readonly folder: string
}

/** Opens a pipeline of processes on this machine: this one holds the last span, and each of the others one before it. */
export async function openPipeline(settings: PipelineSettings): Promise<Pipeline> {
  const { model, processes, blockCount, threads, dataFolder, folder } = settings
  const children: NodeProcess[] = []
  let node: ServingPeer | null = null
  const close = async (): Promise<void> => {
    for (const child of children) await child.stop()
    await node?.close()
  }
  try {
    const bounds = Array.from({ length: processes + 1 }, (_, i) => Math.round((i * blockCount) / processes))
    node = await startNode(
      { clock: systemClock, random: systemRandom, logger: silentLogger },
      {
        model,
        join: [],
        listen: [],
        lan: false,
        memoryBytes,
        blocks: [bounds[processes - 1]!, blockCount],
        threads,
        dataFolder,
        onEvent: () => undefined,
      },
    )
    const address = node.addresses()[0]!
    for (let i = 0; i < processes - 1; i += 1) {
      const child = startNodeProcess([
        '--join',
        address,
        '--blocks',
        `${bounds[i]}:${bounds[i + 1]}`,
        '--threads',
        `${threads}`,
        '--memory',
        '8GiB',
        '--data',
        join(folder, `${i}`),
      ])
      children.push(child)
      await child.ready
    }
    await node.whenCovered(AbortSignal.timeout(60_000))
    return { engine: await node.engine(), close }
  } catch (error) {
    await close()
    throw error
  }
}
