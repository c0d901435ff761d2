import { join } from 'node:path'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { messageOf } from '@shoal/host'
import type { SwarmStatus } from '@shoal/swarm'
import { startNodeProcess, type NodeProcess, type ReadyEvent } from 'shoal/node-process'

/** One machine of the crew: a data directory, and the process that runs on it, if any. */
export interface CrewMember {
  readonly name: string
  start(): void
  /** kill -9. @returns when the process is gone */
  kill(): Promise<void>
  /** Sends SIGTERM, so that the node drains and leaves. @returns the exit status */
  leave(): Promise<number | null>
  readonly runs: boolean
  /** Of the process that runs; null when none does. */
  readonly pid: number | null
  /** The peer's own view of the swarm; null before it serves. @throws {Error} with its log when it ended unexpectedly */
  look(): Promise<SwarmStatus | null>
  /** Address to dial; null before it serves. */
  address(): string | null
  /** What the node said of itself when it began to serve; null before. */
  ready(): ReadyEvent | null
}

export interface CrewOptions {
  readonly folder: string
  readonly members: number
  /** Index of the member whose address is given to all. */
  readonly bootstrap: number
  /** Index of the member that has the model. */
  readonly owner: number
  readonly memory: string
  /** Blocks of each member as `--blocks` takes them; without it the plan decides. */
  readonly blocks?: readonly string[]
  /** Called with each line of a member's log. */
  readonly onLog?: (name: string, line: string) => void
}

/** Creates members with one command line, except for the model: all know one address, which is one member's own. */
export async function createCrew({
  folder,
  members,
  bootstrap,
  owner,
  memory,
  blocks,
  onLog,
}: CrewOptions): Promise<readonly CrewMember[]> {
  const known = `/ip4/127.0.0.1/tcp/${await freePort()}`
  return Array.from({ length: members }, (_, index) => {
    const words = [
      '--join',
      known,
      '--data',
      join(folder, `node-${index + 1}`),
      '--memory',
      memory,
      '--threads',
      '1',
      '--api',
      '127.0.0.1:0',
      ...(index === bootstrap ? ['--listen', known] : []),
      ...(index === owner ? ['--model', 'demo'] : []),
      ...(blocks?.[index] === undefined ? [] : ['--blocks', blocks[index]]),
    ]
    return createMember(`node ${index + 1}`, words, onLog)
  })
}

function createMember(name: string, words: readonly string[], onLog?: CrewOptions['onLog']): CrewMember {
  let child: NodeProcess | null = null
  let ready: ReadyEvent | null = null
  let failed: string | null = null

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    const ending = child
    child = null
    ready = null
    return ending === null ? null : ending.stop(signal)
  }
  return {
    name,
    start() {
      if (child !== null) throw new Error(`${name} runs already`)
      const started = startNodeProcess(words, { name })
      child = started
      if (onLog !== undefined && started.process.stderr !== null)
        createInterface({ input: started.process.stderr }).on('line', (line) => onLog(name, line))
      started.ready.then(
        (event) => {
          if (child === started) ready = event
        },
        () => undefined,
      )
      started.ended.then(
        () => {
          if (child === started) failed = started.obituary()
        },
        (error: unknown) => (failed = String(error)),
      )
    },
    kill: async () => void (await end('SIGKILL')),
    leave: () => end('SIGTERM'),
    get runs() {
      return child !== null
    },
    get pid() {
      return child?.process.pid ?? null
    },
    address: () => ready?.addrs[0] ?? null,
    ready: () => ready,
    async look() {
      if (failed !== null) throw new Error(failed)
      const api = ready?.api ?? null
      if (api === null) return null
      try {
        const answer = await fetch(`${api}/swarm`)
        // While embedding and head are loading, the API answers 503.
        return answer.ok ? ((await answer.json()) as SwarmStatus) : null
      } catch (error) {
        if (failed !== null || child === null) return null
        throw new Error(`${name} does not answer: ${messageOf(error)}`, { cause: error })
      }
    },
  }
}

/** A free port of this machine. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        address === null || typeof address === 'string'
          ? reject(new Error('no port was given'))
          : resolve(address.port),
      )
    })
  })
}
