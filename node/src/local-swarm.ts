import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { ShoalError, timeLimit } from '@shoal/host'
import type { CommandContext } from './cli/context.ts'

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

const program = fileURLToPath(new URL('main.ts', import.meta.url))

/** A process that has not left by then is ended. */
const leaveMs = 8000

/** Lines of a process's log that are kept for the case that it fails. */
const keptLogLines = 20

interface Child {
  readonly process: ChildProcess
  readonly ready: Promise<ReadyNode>
  /** Settles when the process has ended; tells how. */
  readonly ended: Promise<string>
}

/**
 * Starts `processes` nodes: the first creates the swarm, the others join it at its address and fetch their weights from
 * it. Each has a data directory of its own below a temporary folder. They end with this process, however it ends.
 * @throws {ShoalError} `internal` with the log of a process that did not come up
 */
export async function startLocalSwarm(context: CommandContext, options: LocalSwarmOptions): Promise<LocalSwarm> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-swarm-'))
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true })
  process.on('exit', removeFolder)
  const children: Child[] = []
  let closing = false
  const close = async (): Promise<void> => {
    closing = true
    await Promise.all(children.map((child) => endChild(context, child)))
    process.off('exit', removeFolder)
    removeFolder()
  }
  const start = (index: number, words: readonly string[]): Child => {
    const child = startNode(index, ['--data', join(folder, `node-${index + 1}`), '--memory', String(options.memoryBytes), '--threads', String(options.threads), ...words])
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
    const failure = Promise.race(children.map(({ ended }) => ended)).then((how) => {
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

function startNode(index: number, words: readonly string[]): Child {
  // The fourth stream is the one whose end tells the child that we are gone, also by kill -9.
  const child = spawn(process.execPath, [program, 'up', '--json', '--exit-with-parent', '--temporary-data', '--log-level', 'warn', ...words], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  const log: string[] = []
  const stderr = child.stderr
  if (stderr !== null) {
    createInterface({ input: stderr }).on('line', (line) => {
      log.push(line)
      if (log.length > keptLogLines) log.shift()
    })
  }
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (status, signal) => resolve([`node ${index + 1} ended with ${signal ?? `status ${status}`}`, ...log].join('\n  ')))
  })
  const ready = new Promise<ReadyNode>((resolve) => {
    if (child.stdout === null) return
    createInterface({ input: child.stdout }).on('line', (line) => {
      const event = JSON.parse(line) as { event?: string } & Omit<ReadyNode, 'pid'>
      if (event.event === 'ready') resolve({ peerId: event.peerId, addrs: event.addrs, blocks: event.blocks, pid: child.pid ?? 0 })
    })
  })
  return { process: child, ready, ended }
}

async function readyOf(child: Child, signal: AbortSignal): Promise<ReadyNode> {
  const interrupted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  const failed = child.ended.then((how) => Promise.reject(new ShoalError('internal', how)))
  // The loser of the race may reject later.
  failed.catch(() => undefined)
  interrupted.catch(() => undefined)
  return Promise.race([child.ready, failed, interrupted])
}

async function endChild({ clock }: CommandContext, child: Child): Promise<void> {
  child.process.kill('SIGTERM')
  const limit = timeLimit(clock, leaveMs, () => new ShoalError('deadline-passed', 'a node did not leave'))
  const kill = (): void => void child.process.kill('SIGKILL')
  limit.signal.addEventListener('abort', kill)
  await child.ended
  limit.clear()
}
