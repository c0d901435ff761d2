/**
 * Real `shoal up` processes of this machine: `npm start`, `shoal swarm`, benchmarks and whole-system tests start them here.
 *
 * @example
 * const node = startNodeProcess(['--model', 'demo', '--data', folder])
 * const { addrs } = await node.ready
 * const code = await node.stop()
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { ShoalError } from '@shoal/host'
import { allocatorEnvironment } from '@shoal/host/allocator'
import { tellToLeave } from './leave-message.ts'

export { tellToLeave } from './leave-message.ts'

/** The line that `shoal up --json` prints when the node serves. */
export interface ReadyEvent {
  readonly event: 'ready'
  readonly peerId: string
  readonly addrs: readonly string[]
  readonly model: string
  readonly manifest: string
  readonly profile: string
  readonly numericClass: string
  readonly blocks: readonly [number, number] | null
  readonly api: string | null
}

/** Any other line of `shoal up --json`. */
export interface NodeEvent {
  readonly event: string
  readonly peer?: string
  readonly session?: string
  readonly blocks?: readonly [number, number] | null
  readonly ranks?: number
  readonly incarnation?: number
  readonly next?: number
  readonly to?: readonly string[]
}

export interface NodeProcess {
  readonly process: ChildProcess
  /** @throws {ShoalError} `internal` with the end of its log when the process ends before it serves */
  readonly ready: Promise<ReadyEvent>
  /** Exit status; null when a signal ended the process, or when it could not be started. */
  readonly ended: Promise<number | null>
  /** How the process ended, and the last lines of its log. */
  obituary(): string
  /** Resolves with the first matching event, past ones included. @throws {ShoalError} `internal` when the process ends first */
  until(fits: (event: NodeEvent) => boolean): Promise<NodeEvent>
  /** Calls `listener` for each event from now on. @returns a function that removes it */
  onEvent(listener: (event: NodeEvent) => void): () => void
  /** Lets the node drain and leave (SIGTERM, the default, on Windows too), or sends another signal. @returns the exit status */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

export interface NodeProcessOptions {
  /** Name of the process in errors. */
  readonly name?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** A node of a swarm, or a rank of other nodes' groups. Default: `up`. */
  readonly command?: 'up' | 'rank'
  /** Path of the `shoal` program. Default: the one in the folder of this module. */
  readonly program?: string
  /** Words before the command line, such as `ip netns exec NAME`. */
  readonly within?: readonly string[]
}

const ownProgram = fileURLToPath(new URL('main.ts', import.meta.url))

/** Log lines that are kept for an error. */
const keptLogLines = 20

/** Events that are kept for `until`: a test's node has some dozens, and a node that runs for days must not fill memory. */
const keptEvents = 1000

/**
 * Starts a node that ends with this process, however this process ends.
 * @param words of the command line after `up --json` or `rank --json`
 */
export function startNodeProcess(words: readonly string[], options: NodeProcessOptions = {}): NodeProcess {
  const { command = 'up', env = process.env, program = ownProgram, within = [] } = options
  const { name = `shoal ${command} ${words.join(' ')}` } = options
  // The IPC channel, the fourth stream, closes when this process ends, also after kill -9, and so tells the child.
  const line = [...within, process.execPath, program, command, '--json', '--exit-with-parent', ...words]
  const child = spawn(line[0] ?? process.execPath, line.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...allocatorEnvironment(env) },
  })
  const log: string[] = []
  const events: NodeEvent[] = []
  const listeners = new Set<(event: NodeEvent) => void>()
  let how = 'runs'

  const receive = (event: NodeEvent): void => {
    events.push(event)
    if (events.length > keptEvents) events.shift()
    for (const listener of listeners) listener(event)
  }
  onLines(child.stderr, (line) => {
    log.push(line)
    if (log.length > keptLogLines) log.shift()
  })
  onLines(child.stdout, (line) => receive(eventOf(line)))
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      how = `could not be started: ${error.message}`
      resolve(null)
    })
    child.once('close', (status, signal) => {
      how = `ended with ${signal ?? `status ${status}`}`
      resolve(status)
    })
  })
  const obituary = (): string => [`${name} ${how}`, ...log].join('\n  ')
  const until = async (fits: (event: NodeEvent) => boolean): Promise<NodeEvent> => {
    const past = events.find(fits)
    if (past !== undefined) return past
    const found = Promise.withResolvers<NodeEvent>()
    const listener = (event: NodeEvent): void => {
      if (fits(event)) found.resolve(event)
    }
    listeners.add(listener)
    ended.then(() => found.reject(new ShoalError('internal', obituary())), found.reject)
    return found.promise.finally(() => listeners.delete(listener))
  }
  // The line of this name has these fields: `announce` in commands/up.ts writes it.
  const ready = until(({ event }) => event === 'ready').then((event) => event as unknown as ReadyEvent)
  // A caller that stops the process before it is ready may never await `ready`.
  ready.catch(() => undefined)

  return {
    process: child,
    ready,
    ended,
    obituary,
    until,
    onEvent(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    stop(signal = 'SIGTERM') {
      if (signal === 'SIGTERM') tellToLeave(child)
      else child.kill(signal)
      return ended
    },
  }
}

/** @param stream null for a process that could not be started */
function onLines(stream: Readable | null, listener: (line: string) => void): void {
  if (stream !== null) createInterface({ input: stream }).on('line', listener)
}

function eventOf(line: string): NodeEvent {
  try {
    return JSON.parse(line) as NodeEvent
  } catch {
    // Other code writes to standard output: the line is kept as an event that nothing matches.
    return { event: `not an event: ${line}` }
  }
}
