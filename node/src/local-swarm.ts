import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ShoalError } from '@shoal/host'
import type { CommandContext } from './cli/context.ts'
import { startNodeProcess, type NodeProcess } from './node-process.ts'

export interface LocalSwarmOptions {
  readonly processes: number
  readonly model: string
  readonly weights?: string
  readonly kv?: string
  /** `--memory` of each process. */
  readonly memoryBytes: number
  readonly threads: number
}

/** What `up --json` says when it serves. */
export interface ReadyNode {
  readonly peerId: string
  readonly addrs: readonly string[]
  readonly blocks: readonly [number, number] | null
  /** Operating system's number of the process. */
  readonly pid: number
}

/** Real `shoal up` processes on this machine. */
export interface LocalSwarm {
  readonly nodes: readonly ReadyNode[]
  /** A data directory for whoever asks the swarm; removed with it. */
  readonly clientFolder: string
  /** Rejects when a process ends by itself. */
  readonly failure: Promise<never>
  close(): Promise<void>
}

/** A process that has not left by then is ended. */
const leaveMs = 8000

/**
 * Starts `processes` nodes: the first creates the swarm, the others join it at its address and fetch their weights from
 * it. Each has a data directory of its own below a temporary folder. They end with this process, however it ends.
 * @throws {ShoalError} `internal` with the log of a process that did not come up
 */
export async function startLocalSwarm(context: CommandContext, options: LocalSwarmOptions): Promise<LocalSwarm> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-swarm-'))
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true })
  process.on('exit', removeFolder)
  const children: NodeProcess[] = []
  let closing = false
  const close = async (): Promise<void> => {
    closing = true
    await Promise.all(children.map((child) => endChild(context, child)))
    process.off('exit', removeFolder)
    removeFolder()
  }
  const start = (index: number, words: readonly string[]): NodeProcess => {
    const own = ['--temporary-data', '--log-level', 'warn', '--data', join(folder, `node-${index + 1}`), '--memory', String(options.memoryBytes), '--threads', String(options.threads)]
    const child = startNodeProcess([...own, ...words], { name: `node ${index + 1}` })
    children.push(child)
    return child
  }
  try {
    const { weights, kv, model } = options
    const profile = [...(weights === undefined ? [] : ['--weights', weights]), ...(kv === undefined ? [] : ['--kv', kv])]
    const first = await readyOf(start(0, ['--model', model, ...profile]), context.signal)
    const address = first.addrs[0]
    if (address === undefined) throw new ShoalError('internal', 'the first process has no address')
    const others = Array.from({ length: options.processes - 1 }, (_, index) => start(index + 1, ['--join', address]))
    const nodes = [first, ...(await Promise.all(others.map((child) => readyOf(child, context.signal))))]
    const failure = Promise.race(children.map((child) => child.ended.then(() => child.obituary()))).then((how) => {
      // An end that we asked for is none to report: nobody waits for this any more.
      return closing ? new Promise<never>(() => undefined) : Promise.reject(new ShoalError('peer-vanished', `a node ended: ${how}`))
    })
    // Whoever does not race against it must not crash by it.
    failure.catch(() => undefined)
    return { nodes, clientFolder: join(folder, 'node-1', 'client'), failure, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function readyOf(child: NodeProcess, signal: AbortSignal): Promise<ReadyNode> {
  const interrupted = Promise.withResolvers<never>()
  const onAbort = (): void => interrupted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    const { peerId, addrs, blocks } = await Promise.race([child.ready, interrupted.promise])
    return { peerId, addrs, blocks, pid: child.process.pid ?? 0 }
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function endChild({ clock }: CommandContext, child: NodeProcess): Promise<void> {
  const timer = clock.after(leaveMs, () => void child.process.kill('SIGKILL'))
  await child.stop()
  timer.cancel()
}
