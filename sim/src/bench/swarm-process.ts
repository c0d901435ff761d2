import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../../node/src/main.ts', import.meta.url))

/** `shoal swarm` as a process of its own: its links run beside what is measured, not inside. */
export interface SwarmProcess {
  /** Of each node that serves blocks. */
  readonly addresses: readonly string[]
  close(): Promise<void>
}

/** @param words of the command line after `swarm --json`; it ends with this process, however that ends */
export async function startSwarm(words: readonly string[]): Promise<SwarmProcess> {
  const child = spawn(process.execPath, [program, 'swarm', '--json', '--exit-with-parent', ...words], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const ready = new Promise<readonly string[]>((resolve, reject) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const { event, nodes } = JSON.parse(line) as { event?: string; nodes?: readonly { readonly rankOf: string | null; readonly addrs: readonly string[] }[] }
      if (event === 'ready') resolve((nodes ?? []).flatMap(({ rankOf, addrs }) => (rankOf === null ? addrs.slice(0, 1) : [])))
    })
    void ended.then((status) => reject(new Error(`shoal swarm ended with ${status}`)))
  })
  return {
    addresses: await ready,
    async close() {
      child.kill('SIGINT')
      await ended
    },
  }
}
