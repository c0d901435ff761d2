import { join } from 'node:path'
import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { connectClient, startNode } from '@shoal/swarm/node'
import type { Engine } from '@shoal/swarm'
import { startNodeProcess, type NodeProcess } from 'shoal/node-process'

const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }

const memoryBytes = 8 * 2 ** 30
const coverageTimeoutMs = 60_000

/** A model cut over processes, of which this one coordinates. */
export interface Pipeline {
  readonly engine: Engine
  close(): Promise<void>
}

export interface PipelineSettings {
  /** REF. */
  readonly model: string
  /** The weight format; the usual one when absent. */
  readonly weights: string | undefined
  readonly processes: number
  readonly blockCount: number
  /** Blocks of the first of two processes, in place of the half. */
  readonly firstBlocks?: number
  /** Of each process. */
  readonly threads: number
  readonly dataFolder: string
  /** For the data of the other processes. */
  readonly folder: string
}

/** Opens a pipeline of processes on this machine: this one holds the last span, and each of the others one before it. */
export function openPipeline(settings: PipelineSettings): Promise<Pipeline> {
  const { model, weights, processes, threads, dataFolder } = settings
  const bounds = boundsOf(settings)
  return closedWhenFailed(async (open) => {
    const node = await startNode(dependencies, {
      model,
      weights,
      join: [],
      listen: [],
      lan: false,
      memoryBytes,
      blocks: [bounds[processes - 1]!, bounds[processes]!],
      threads,
      dataFolder,
      onEvent: () => undefined,
    })
    open.push(node)
    for (let i = 0; i < processes - 1; i += 1)
      open.push(await startStage(settings, i, ['--join', node.addresses()[0]!]))
    await node.whenCovered(AbortSignal.timeout(coverageTimeoutMs))
    return node.engine()
  })
}

/** Opens a client in this process, which holds embedding and head, of nodes that are processes of their own. */
export function openClientPipeline(settings: PipelineSettings): Promise<Pipeline> {
  const { model, weights, processes, threads, folder } = settings
  return closedWhenFailed(async (open) => {
    const source = ['--model', model, ...(weights === undefined ? [] : ['--weights', weights])]
    const first = await startStage(settings, 0, source)
    open.push(first)
    const known = [first.address]
    for (let i = 1; i < processes; i += 1) open.push(await startStage(settings, i, ['--join', first.address]))
    const client = await connectClient(dependencies, {
      join: known,
      dataFolder: join(folder, 'client'),
      threads,
    })
    open.push(client)
    await client.whenCovered(AbortSignal.timeout(coverageTimeoutMs))
    return client.engine()
  })
}

const boundsOf = ({ processes, blockCount, firstBlocks }: PipelineSettings): readonly number[] =>
  firstBlocks === undefined
    ? Array.from({ length: processes + 1 }, (_, i) => Math.round((i * blockCount) / processes))
    : [0, firstBlocks, blockCount]

interface Stage {
  readonly address: string
  close(): Promise<void>
}

/** Starts the node of the part `index` of the blocks. */
async function startStage(
  settings: PipelineSettings,
  index: number,
  words: readonly string[],
): Promise<Stage> {
  const bounds = boundsOf(settings)
  const child: NodeProcess = startNodeProcess([
    ...words,
    '--blocks',
    `${bounds[index]}:${bounds[index + 1]}`,
    '--threads',
    `${settings.threads}`,
    '--memory',
    '8GiB',
    '--data',
    join(settings.folder, `${index}`),
  ])
  const { addrs } = await child.ready
  return { address: addrs[0]!, close: async () => void (await child.stop()) }
}

/** Closes what was opened, the last first: when `start` fails, and when the pipeline is closed. */
async function closedWhenFailed(
  start: (open: { close(): Promise<void> }[]) => Promise<Engine>,
): Promise<Pipeline> {
  const open: { close(): Promise<void> }[] = []
  const close = async (): Promise<void> => {
    for (const one of open.toReversed()) await one.close()
  }
  try {
    return { engine: await start(open), close }
  } catch (error) {
    await close()
    throw error
  }
}
