import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const shoal = fileURLToPath(new URL('../../../node/bin/shoal.js', import.meta.url))

/** One line that a node prints with `--json`. */
export interface NodeEvent {
  readonly event: string
  readonly peerId?: string
  readonly addrs?: readonly string[]
  readonly blocks?: readonly [number, number] | null
}

/** A real `shoal up` process; it ends with this one, also by kill -9. */
export interface ChildNode {
  readonly process: ChildProcess
  readonly ready: NodeEvent
  /** SIGTERM: drains and leaves. Resolves when the process has ended. */
  stop(): Promise<void>
}

export async function startChildNode(args: readonly string[]): Promise<ChildNode> {
  const child = spawn(process.execPath, [shoal, 'up', '--json', '--exit-with-parent', ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const complaints: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => {
    complaints.push(line)
    if (complaints.length > 20) complaints.shift()
  })
  const ready = await new Promise<NodeEvent>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const event = JSON.parse(line) as NodeEvent
      if (event.event === 'ready') resolve(event)
    })
    void ended.then((code) => reject(new Error(`a node ended with ${code} before it was ready:\n${complaints.join('\n')}`)))
  })
  return {
    process: child,
    ready,
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}
