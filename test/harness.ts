import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** Root of the repository. */
export const root = fileURLToPath(new URL('..', import.meta.url))

const program = join(root, 'node', 'bin', 'shoal.js')

/** How a `shoal …` that has ended went. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** The JSON object on the last line of stdout. */
  json(): unknown
}

/** Processes and folders of one test file, gone at its end whatever happened. */
export interface World {
  folder(name: string): string
  /** `onLog` sees each line of stderr as it comes. */
  run(args: readonly string[], options?: { input?: string; onLog?: (line: string) => void }): Promise<Ended>
  /** Starts `shoal up --json …` and waits for its ready line. */
  up(args: readonly string[]): Promise<Up>
  close(): Promise<void>
}

export interface ReadyLine {
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

export interface UpEvent {
  readonly event: string
  readonly peer?: string
  readonly blocks?: readonly [number, number] | null
}

export interface Up {
  readonly process: ChildProcess
  readonly ready: ReadyLine
  readonly address: string
  /** Resolves with the first event, past ones included, that fits. */
  until(fits: (event: UpEvent) => boolean): Promise<UpEvent>
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

export function createWorld(): World {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-proof-'))
  const running = new Set<ChildProcess>()
  let folders = 0
  const start = (args: readonly string[]): ChildProcess => {
    const child = spawn(process.execPath, [program, ...args], { cwd: root, stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, SHOAL_DATA: join(folder, 'default') } })
    running.add(child)
    child.once('close', () => running.delete(child))
    return child
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
    async up(args) {
      const child = start(['up', '--json', ...args])
      const events: UpEvent[] = []
      const listeners = new Set<(event: UpEvent) => void>()
      const log: string[] = []
      createInterface({ input: child.stderr! }).on('line', (line) => void log.push(line))
      const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
      const ready = await new Promise<ReadyLine>((resolve, reject) => {
        createInterface({ input: child.stdout! }).on('line', (line) => {
          const event = JSON.parse(line) as UpEvent
          events.push(event)
          for (const listener of listeners) listener(event)
          if (event.event === 'ready') resolve(event as unknown as ReadyLine)
        })
        void ended.then((code) => reject(new Error(`shoal up ${args.join(' ')} ended with ${code}\n${log.slice(-20).join('\n')}`)))
      })
      return {
        process: child,
        ready,
        address: ready.addrs[0]!,
        until(fits) {
          const past = events.find(fits)
          if (past !== undefined) return Promise.resolve(past)
          return new Promise((resolve) => {
            const listener = (event: UpEvent): void => {
              if (!fits(event)) return
              listeners.delete(listener)
              resolve(event)
            }
            listeners.add(listener)
          })
        },
        ended,
        stop(signal = 'SIGTERM') {
          child.kill(signal)
          return ended
        },
      }
    },
    async close() {
      const closing = [...running].map((child) => new Promise((resolve) => child.once('close', resolve)))
      for (const child of running) child.kill('SIGKILL')
      await Promise.all(closing)
      rmSync(folder, { recursive: true, force: true })
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
