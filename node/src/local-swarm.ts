import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { orAborted, ShoalError, type Clock, type Random } from '@shoal/host'
import { tellToLeave } from './leave-message.ts'
import { startNodeProcess, type NodeEvent, type NodeProcess } from './node-process.ts'
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
  /** `--session-memory` of each process; none when absent. */
  readonly sessionMemoryBytes?: number
  readonly threads: number
  /** Links between the processes, and what is special about each; as many nodes as processes. */
  readonly shape?: Shape
  readonly onEvent?: (node: string, event: NodeEvent) => void
}

/** What `up --json` says when it serves. */
export interface ReadyNode {
  readonly name: string
  readonly peerId: string
  readonly addrs: readonly string[]
  readonly blocks: readonly [number, number] | null
  /** The node whose blocks it computes a share of; null for one that serves blocks. */
  readonly rankOf: string | null
  /** Operating system's number of the process. */
  readonly pid: number
}

/** Real `shoal up` processes on this machine, and `shoal rank` where a shape has groups. */
export interface LocalSwarm {
  readonly nodes: readonly ReadyNode[]
  /** The ways between them; none without a shape. */
  readonly links: Links['all']
  /** A data directory for whoever asks the swarm; removed with it. */
  readonly clientFolder: string
  /** Rejects when a process ends by itself. */
  readonly failure: Promise<never>
  /** Sends a signal to a node by its name; an end that follows is none by itself. */
  signal(name: string, signal: NodeJS.Signals): void
  /** Ends a node if it still runs, and starts it again on its data directory. */
  restart(name: string): Promise<ReadyNode>
  close(): Promise<void>
}

interface Slot {
  readonly name: string
  readonly rankOf: string | null
  readonly words: readonly string[]
  child: NodeProcess
  /** Whether its end was asked for. */
  ending: boolean
}

/** A process that has not left by then is ended. */
const leaveMs = 8000

/**
 * Starts `processes` nodes: the first creates the swarm, the others join it at its address and fetch their weights from
 * it. Ranks come before all of them, and have weights of their own. Each has a data directory of its own below a temporary folder. They end with this process, however it ends.
 * @throws {ShoalError} `internal` with the log of a process that did not come up
 */
export async function startLocalSwarm(
  { clock, random, signal }: LocalSwarmDependencies,
  options: LocalSwarmOptions,
): Promise<LocalSwarm> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-swarm-'))
  // Windows lets go of the files of an ended process a little later.
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  process.on('exit', removeFolder)
  const slots: Slot[] = []
  const shapes: readonly NodeShape[] = options.shape?.nodes ?? []
  const failure = Promise.withResolvers<never>()
  // Whoever does not race against it must not crash by it.
  failure.promise.catch(() => undefined)
  let shaped: ShapedProcesses | null = null
  let closing = false
  const close = async (): Promise<void> => {
    closing = true
    await Promise.all(slots.map(({ child }) => endChild(clock, child)))
    await shaped?.close()
    process.off('exit', removeFolder)
    removeFolder()
  }
  const spawn = (name: string, rankOf: string | null, words: readonly string[]): NodeProcess => {
    const child = startNodeProcess(words, { name, command: rankOf === null ? 'up' : 'rank' })
    if (options.onEvent !== undefined) child.onEvent((event) => options.onEvent?.(name, event))
    child.ended.then(() => {
      const slot = slots.find((one) => one.child === child)
      if (!closing && slot?.ending === false)
        failure.reject(new ShoalError('peer-vanished', `a node ended: ${child.obituary()}`))
    }, failure.reject)
    return child
  }
  const start = (index: number, words: readonly string[]): Slot => {
    const special = shapes[index]
    const name = special?.name ?? `node-${index + 1}`
    const rankOf = special?.rankOf ?? null
    const own = [
      '--temporary-data',
      '--log-level',
      'warn',
      '--data',
      join(folder, name),
      '--memory',
      String(special?.memoryBytes ?? options.memoryBytes),
      ...(options.sessionMemoryBytes === undefined || rankOf !== null
        ? []
        : ['--session-memory', String(options.sessionMemoryBytes)]),
      '--threads',
      String(special?.threads ?? options.threads),
    ]
    const all = [...own, ...words, ...(shaped?.words(index) ?? [])]
    const slot: Slot = { name, rankOf, words: all, child: spawn(name, rankOf, all), ending: false }
    slots.push(slot)
    return slot
  }
  const slotOf = (name: string): Slot => {
    const slot = slots.find((one) => one.name === name)
    if (slot === undefined)
      throw new ShoalError(
        'not-found',
        `no node is called '${name}'; these are: ${slots.map((one) => one.name).join(', ')}`,
      )
    return slot
  }
  try {
    if (options.shape !== undefined) shaped = await shapeProcesses(random, options.shape, folder)
    const { weights, kv, model } = options
    const profile = [
      ...(weights === undefined ? [] : ['--weights', weights]),
      ...(kv === undefined ? [] : ['--kv', kv]),
    ]
    const indices = Array.from({ length: options.processes }, (_, index) => index)
    const isRank = (index: number): boolean => (shapes[index]?.rankOf ?? null) !== null
    const starting = (
      those: readonly number[],
      words: (index: number) => readonly string[],
    ): Promise<ReadyNode[]> => Promise.all(those.map((index) => readyOf(start(index, words(index)), signal)))
    const ranks = await starting(indices.filter(isRank), () => ['--model', model, ...profile])
    const led = (index: number): readonly string[] => {
      const leader = shapes[index]
      return leader === undefined
        ? []
        : leaderWords(shapes, leader, ({ name }) => addressOf(ranks.find((rank) => rank.name === name)))
    }
    const [creator = 0, ...joining] = indices.filter((index) => !isRank(index))
    const [first] = await starting([creator], (index) => ['--model', model, ...profile, ...led(index)])
    const others = await starting(joining, (index) => ['--join', addressOf(first), ...led(index)])
    const nodes = [first, ...others, ...ranks].filter((node) => node !== undefined)
    return {
      nodes,
      links: shaped?.links ?? [],
      clientFolder: join(folder, first?.name ?? '', 'client'),
      failure: failure.promise,
      signal(name, kind) {
        const slot = slotOf(name)
        slot.ending ||= kind !== 'SIGSTOP' && kind !== 'SIGCONT'
        if (kind === 'SIGTERM') tellToLeave(slot.child.process)
        else slot.child.process.kill(kind)
      },
      async restart(name) {
        const slot = slotOf(name)
        slot.ending = true
        await endChild(clock, slot.child)
        const others = nodes.flatMap(({ name: other, rankOf, addrs }) =>
          other === name || rankOf !== null ? [] : addrs.slice(0, 1),
        )
        // It comes back to those who are still there: also the one that had created the swarm.
        const words =
          slot.rankOf !== null || slot.words.includes('--join') || others.length === 0
            ? slot.words
            : [...slot.words, ...others.flatMap((other) => ['--join', other])]
        slot.child = spawn(name, slot.rankOf, words)
        slot.ending = false
        return await readyOf(slot, signal)
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function addressOf(node: ReadyNode | undefined): string {
  const address = node?.addrs[0]
  if (address === undefined) throw new ShoalError('internal', 'a process has no address')
  return address
}

async function readyOf({ name, rankOf, child }: Slot, signal: AbortSignal): Promise<ReadyNode> {
  const { peerId, addrs, blocks } = await orAborted(child.ready, signal)
  return { name, peerId, addrs, blocks, rankOf, pid: child.process.pid ?? 0 }
}

async function endChild(clock: Clock, child: NodeProcess): Promise<void> {
  // One that stands still hears nothing else; Windows stops nobody.
  if (process.platform !== 'win32') child.process.kill('SIGCONT')
  const timer = clock.after(leaveMs, () => void child.process.kill('SIGKILL'))
  await child.stop()
  timer.cancel()
}
