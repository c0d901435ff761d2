import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { tellToLeave } from 'shoal/node-process'
import { program } from './harness.ts'

/** A line of `shoal swarm --json`. */
export interface SwarmLine {
  readonly event: string
  readonly node?: string
  readonly what?: string
  readonly do?: string
}

export interface ReadySwarm extends SwarmLine {
  readonly nodes: readonly {
    readonly name: string
    readonly peerId: string
    readonly addrs: readonly string[]
    readonly pid: number
    readonly blocks: readonly [number, number] | null
    readonly rankOf: string | null
  }[]
  readonly links: readonly { readonly from: string; readonly to: string; readonly port: number }[]
}

/** `shoal swarm` as a process of its own. */
export interface SwarmProcess {
  readonly pid: number
  readonly ready: ReadySwarm
  /** Resolves with the first matching line, past ones included. */
  until(fits: (line: SwarmLine) => boolean): Promise<SwarmLine>
  /** Interrupts the process as Ctrl-C does. @returns the exit status */
  interrupt(): Promise<number | null>
}

/** Ends with whoever started it: `kill` it in `afterAll`, should a test fail before `interrupt`. */
export async function startSwarmProcess(words: readonly string[]): Promise<SwarmProcess & { kill(): void }> {
  const child: ChildProcess = spawn(
    process.execPath,
    [program, 'swarm', '--json', '--exit-with-parent', ...words],
    { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
  )
  const lines: SwarmLine[] = []
  const waiting = new Set<() => void>()
  let log = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (log += text))
  createInterface({ input: child.stdout! }).on('line', (line) => {
    lines.push(JSON.parse(line) as SwarmLine)
    for (const look of waiting) look()
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const until = (fits: (line: SwarmLine) => boolean): Promise<SwarmLine> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = lines.find(fits)
        if (found === undefined) return
        waiting.delete(look)
        resolve(found)
      }
      waiting.add(look)
      look()
      ended.then((status) => reject(new Error(`shoal swarm ended with ${status}\n${log}`)), reject)
    })
  return {
    pid: child.pid ?? 0,
    ready: (await until(({ event }) => event === 'ready')) as ReadySwarm,
    until,
    interrupt() {
      // On Windows a process cannot send an interrupt to another.
      if (process.platform === 'win32') tellToLeave(child)
      else child.kill('SIGINT')
      return ended
    },
    kill: () => void child.kill('SIGKILL'),
  }
}
