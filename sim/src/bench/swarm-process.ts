import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../../node/src/main.ts', import.meta.url))

export interface StartedNode {
  readonly name: string
  readonly peerId: string
  readonly addrs: readonly string[]
  readonly rankOf: string | null
}

/** `shoal swarm` as a process of its own: its links run beside what is measured, not inside. */
export interface SwarmProcess {
  readonly nodes: readonly StartedNode[]
  /** Of each node that serves blocks. */
  readonly addresses: readonly string[]
  close(): Promise<void>
}

/** @param words of the command line after `swarm --json`; it ends with this process, however that ends */
export async function startSwarm(words: readonly string[]): Promise<SwarmProcess> {
  const child = spawn(process.execPath, [program, 'swarm', '--json', '--exit-with-parent', ...words], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const ready = new Promise<readonly StartedNode[]>((resolve, reject) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const { event, nodes } = JSON.parse(line) as { event?: string; nodes?: readonly StartedNode[] }
      if (event === 'ready') resolve(nodes ?? [])
    })
    ended.then((status) => reject(new Error(`shoal swarm ended with ${status}`)), reject)
  })
  const nodes = await ready
  return {
    nodes,
    addresses: nodes.flatMap(({ rankOf, addrs }) => (rankOf === null ? addrs.slice(0, 1) : [])),
    async close() {
      child.kill('SIGINT')
      await ended
    },
  }
}
