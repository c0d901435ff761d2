import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ShoalError, type Clock, type Random } from '@shoal/host'
import { LocalProcesses, type NodeCommand, type ReadyNode } from './local-processes.ts'
import type { NodeEvent } from './node-process.ts'
import { leaderWords } from './shape/group-shape.ts'
import type { NodeShape, Shape } from './shape/link-shape.ts'
import type { Links } from './shape/links.ts'
import { shapeProcesses, type ShapedProcesses } from './shape/shaped-processes.ts'

export interface LocalSwarmDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
}

export interface LocalSwarmOptions {
  readonly processes: number
  readonly model: string
  readonly weights?: string
  readonly kv?: string
  /** `--memory` of each process. */
  readonly memoryBytes: number
  /** `--session-memory` of each process; not passed when absent. */
  readonly sessionMemoryBytes?: number
  readonly threads: number
  /** Links between the processes and per-node settings; it has as many nodes as there are processes. */
  readonly shape?: Shape
  readonly onEvent?: (node: string, event: NodeEvent) => void
}

/** Real `shoal up` processes on this machine, and `shoal rank` processes where a shape has groups. */
export interface LocalSwarm {
  readonly nodes: readonly ReadyNode[]
  /** The shaped links between the processes; empty without a shape. */
  readonly links: Links['all']
  /** A data directory for a client of the swarm; removed with the swarm. */
  readonly clientFolder: string
  /** Rejects when a process ends and nobody asked it to. */
  readonly failure: Promise<never>
  /** Sends a signal to a node by its name; an end that follows is no failure. */
  signal(name: string, signal: NodeJS.Signals): void
  /** Ends a node if it still runs, and starts it again on its data directory. */
  restart(name: string): Promise<ReadyNode>
  close(): Promise<void>
}

/**
 * Starts `processes` nodes. Ranks of groups start first and pack weights of their own; then one node creates the swarm,
 * and the others join it at its address and fetch their weights from it. Each process has a data directory of its own
 * below a temporary folder. All of them end with this process, however it ends.
 * @throws {ShoalError} `internal` with the log of a process that did not come up
 */
export async function startLocalSwarm(
  { clock, random, signal }: LocalSwarmDependencies,
  options: LocalSwarmOptions,
): Promise<LocalSwarm> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-swarm-'))
  // Windows releases the files of an ended process a little later: hence the retries.
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  process.on('exit', removeFolder)
  const processes = new LocalProcesses(clock, signal, (node, event) => options.onEvent?.(node, event))
  let shaped: ShapedProcesses | null = null
  const close = async (): Promise<void> => {
    await processes.close()
    await shaped?.close()
    process.off('exit', removeFolder)
    removeFolder()
  }
  try {
    if (options.shape !== undefined) shaped = await shapeProcesses(random, options.shape, folder)
    const nodes = await startInOrder(processes, options, (index, words) =>
      commandOf(options, folder, index, [...words, ...(shaped?.words(index) ?? [])]),
    )
    return {
      nodes,
      links: shaped?.links ?? [],
      clientFolder: join(folder, nodes[0]?.name ?? '', 'client'),
      failure: processes.failure,
      signal: (name, kind) => processes.signal(name, kind),
      restart: (name) =>
        processes.restart(
          name,
          nodes.flatMap((node) => (node.name === name || node.rankOf !== null ? [] : node.addrs.slice(0, 1))),
        ),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** @returns the creator of the swarm, those that joined it, and the ranks */
async function startInOrder(
  processes: LocalProcesses,
  { model, weights, kv, processes: count, shape }: LocalSwarmOptions,
  command: (index: number, words: readonly string[]) => NodeCommand,
): Promise<readonly ReadyNode[]> {
  const shapes: readonly NodeShape[] = shape?.nodes ?? []
  const creating = [
    '--model',
    model,
    ...(weights === undefined ? [] : ['--weights', weights]),
    ...(kv === undefined ? [] : ['--kv', kv]),
  ]
  const indices = Array.from({ length: count }, (_, index) => index)
  const isRank = (index: number): boolean => (shapes[index]?.rankOf ?? null) !== null
  const ranks = await Promise.all(
    indices.filter(isRank).map((index) => processes.start(command(index, creating))),
  )
  /** `--rank`, `--split` and `--blocks` of a node that leads a group. */
  const leading = (index: number): readonly string[] => {
    const leader = shapes[index]
    return leader === undefined
      ? []
      : leaderWords(shapes, leader, ({ name }) => addressOf(ranks.find((rank) => rank.name === name)))
  }
  const [creator = 0, ...joining] = indices.filter((index) => !isRank(index))
  const first = await processes.start(command(creator, [...creating, ...leading(creator)]))
  const others = await Promise.all(
    joining.map((index) => processes.start(command(index, ['--join', addressOf(first), ...leading(index)]))),
  )
  return [first, ...others, ...ranks]
}

/** @param words those that depend on the part the process takes in the swarm */
function commandOf(
  { shape, memoryBytes, sessionMemoryBytes, threads }: LocalSwarmOptions,
  folder: string,
  index: number,
  words: readonly string[],
): NodeCommand {
  const settings = shape?.nodes[index]
  const name = settings?.name ?? `node-${index + 1}`
  const rankOf = settings?.rankOf ?? null
  const sessionMemory =
    sessionMemoryBytes === undefined || rankOf !== null ? [] : ['--session-memory', `${sessionMemoryBytes}`]
  const own = [
    ['--temporary-data'],
    ['--log-level', 'warn'],
    ['--data', join(folder, name)],
    ['--memory', String(settings?.memoryBytes ?? memoryBytes)],
    sessionMemory,
    ['--threads', String(settings?.threads ?? threads)],
  ]
  return { name, rankOf, words: [...own.flat(), ...words] }
}

function addressOf(node: ReadyNode | undefined): string {
  const address = node?.addrs[0]
  if (address === undefined) throw new ShoalError('internal', 'a process has no address')
  return address
}
