import { join } from 'node:path'
import { createServer } from 'node:net'
import { messageOf } from '@shoal/host'
import type { SwarmStatus } from '@shoal/swarm'
import { startNodeProcess, type NodeProcess } from 'shoal/node-process'

/** One machine of the crew: a data directory, and the process that runs on it, if one does. */
export interface CrewMember {
  readonly name: string
  start(): void
  /** kill -9. @returns when the process is gone */
  kill(): Promise<void>
  /** Leaves in order. @returns the exit status */
  leave(): Promise<number | null>
  readonly runs: boolean
  /** What this peer itself says of the swarm; null while it does not serve yet. @throws {Error} with its log when it ended by itself */
  look(): Promise<SwarmStatus | null>
  /** Where it can be dialled; null while it does not serve yet. */
  address(): string | null
}

export interface CrewOptions {
  readonly folder: string
  readonly members: number
  /** Whose address all are given: the only one that anybody knows. */
  readonly bootstrap: number
  /** Who has the model. */
  readonly owner: number
  readonly memory: string
}

/** Members whose command line is the same but for the model: all know one address, which for one of them is its own. */
export async function createCrew({
  folder,
  members,
  bootstrap,
  owner,
  memory,
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
    ]
    return createMember(`node ${index + 1}`, words)
  })
}

function createMember(name: string, words: readonly string[]): CrewMember {
  let child: NodeProcess | null = null
  let api: string | null = null
  let address: string | null = null
  let failed: string | null = null

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    const ending = child
    child = null
    ;[api, address] = [null, null]
    return ending === null ? null : ending.stop(signal)
  }
  return {
    name,
    start() {
      if (child !== null) throw new Error(`${name} runs already`)
      const started = startNodeProcess(words, { name })
      child = started
      started.ready.then(
        (ready) => {
          if (child === started) [api, address] = [ready.api, ready.addrs[0] ?? null]
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
    address: () => address,
    async look() {
      if (failed !== null) throw new Error(failed)
      if (api === null) return null
      try {
        const answer = await fetch(`${api}/swarm`)
        // While embedding and head come, the API says that it is loading.
        return answer.ok ? ((await answer.json()) as SwarmStatus) : null
      } catch (error) {
        if (failed !== null || child === null) return null
        throw new Error(`${name} does not answer: ${messageOf(error)}`, { cause: error })
      }
    },
  }
}

/** A port of this machine that nobody listens on now. */
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
