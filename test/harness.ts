import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { startNodeProcess, type NodeProcess, type ReadyEvent } from 'shoal/node-process'

/** Root of the repository. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/** The program that the tests start: the bundle of `npm test`, otherwise the one that users of a checkout start. */
export const program = process.env['SHOAL_TEST_PROGRAM'] ?? join(root, 'node', 'bin', 'shoal.js')

/** How a `shoal …` that has ended went. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** The JSON object on the last line of stdout. */
  json(): unknown
}

/** Processes and folders of one test file, which `close` removes even after a failure. */
export interface World {
  folder(name: string): string
  /** `onLog` sees each line of stderr as it comes. */
  run(args: readonly string[], options?: { input?: string; onLog?: (line: string) => void }): Promise<Ended>
  /** Starts a `shoal …` that the test ends itself; `onLog` sees each line of stderr. */
  start(args: readonly string[], onLog: (line: string) => void): ChildProcess
  /** Starts `shoal up --json …` and waits for its ready line. */
  up(args: readonly string[]): Promise<Up>
  /** The same of `shoal rank`. */
  rank(args: readonly string[]): Promise<Up>
  close(): Promise<void>
}

/** A node that serves. */
export interface Up extends Pick<
  NodeProcess,
  'process' | 'until' | 'onEvent' | 'ended' | 'obituary' | 'stop'
> {
  readonly ready: ReadyEvent
  readonly address: string
}

/** @param changes variables of the environment of all processes */
export function createWorld(changes: Readonly<Record<string, string>> = {}): World {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-proof-'))
  const env = { ...process.env, SHOAL_DATA: join(folder, 'default'), ...changes }
  const running = new Set<ChildProcess>()
  let folders = 0
  const start = (args: readonly string[]): ChildProcess => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: root,
      stdio: ['pipe', 'pipe', 'pipe'],
      env,
    })
    running.add(child)
    child.once('close', () => running.delete(child))
    return child
  }

  const startNode = async (command: 'up' | 'rank', args: readonly string[]): Promise<Up> => {
    const node = startNodeProcess(args, { env, command, program })
    running.add(node.process)
    node.process.once('close', () => running.delete(node.process))
    const ready = await node.ready
    return { ...node, ready, address: ready.addrs[0]! }
  }

  return {
    folder: (name) => join(folder, `${(folders += 1)}-${name}`),
    run(args, options = {}) {
      const child = start(args)
      child.stdin?.end(options.input ?? '')
      const { onLog } = options
      if (onLog !== undefined) createInterface({ input: child.stderr! }).on('line', (line) => onLog(line))
      return collect(child, args)
    },
    start(args, onLog) {
      const child = start(args)
      child.stdout?.resume()
      createInterface({ input: child.stderr! }).on('line', onLog)
      return child
    },
    up: (args) => startNode('up', args),
    rank: (args) => startNode('rank', args),
    async close() {
      const closing = [...running].map((child) => new Promise((resolve) => child.once('close', resolve)))
      for (const child of running) child.kill('SIGKILL')
      await Promise.all(closing)
      // Windows releases the files of an ended process a little later.
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
    },
  }
}

async function collect(child: ChildProcess, args: readonly string[]): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return {
    code,
    stdout,
    stderr,
    json() {
      const last = stdout.trimEnd().split('\n').at(-1) ?? ''
      try {
        return JSON.parse(last) as unknown
      } catch {
        throw new Error(`the last line of shoal ${args.join(' ')} is no JSON: '${last}'\n${stderr}`)
      }
    },
  }
}
