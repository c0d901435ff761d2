import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ShoalError, silentLogger, sleep, timeLimit, type Logger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import type { Engine, SwarmPeer } from '@shoal/swarm'
import { connectClient, openLocalEngine } from '@shoal/swarm/node'
import { startMortalNode, type MortalNode } from './mortal-node.ts'

export type Range = readonly [number, number]

/** A process and the blocks it holds. */
export interface Holder {
  readonly range: Range
  readonly node: MortalNode
}

/** Node processes that are killed and replaced, a coordinator in this process, and a local engine to compare with. */
export interface MortalSwarm {
  /** Computes over the swarm. */
  readonly engine: Engine
  /** Computes the same model in this process alone: the reference for the swarm's tokens. */
  readonly local: Engine
  readonly client: SwarmPeer
  /** Processes that run. */
  living(): readonly Holder[]
  /** Starts one more process; `known` resolves when the coordinator sees it. */
  start(range: Range, threads?: number): Promise<MortalNode>
  /** Resolves when the coordinator sees every running process serve. */
  known(): Promise<void>
  /** Starts processes until `count` of them hold this range, and waits until the coordinator knows them. */
  staff(range: Range, count: number): Promise<readonly MortalNode[]>
  /** A path at which nothing exists yet. */
  newPath(): string
  close(): Promise<void>
}

export interface MortalSwarmOptions {
  readonly model: string
  readonly weights?: string
  /** Processes without the transport that takes kill orders: for measurements. */
  readonly plain?: boolean
  /** Logger of the coordinator. */
  readonly logger?: Logger
}

/** File in a data directory that holds the measured speed of the machine. */
const calibrationFile = 'calibration.json'

/** A process must be known to the coordinator that soon after it serves. */
const knownWithinMs = 20_000

const sameRange = (one: Range, other: Range): boolean => one[0] === other[0] && one[1] === other[1]

/** Starts one process for each range, then the coordinator. */
export async function startMortalSwarm(
  options: MortalSwarmOptions,
  ranges: readonly Range[],
): Promise<MortalSwarm> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-kills-'))
  const processes = new MortalProcesses(options, folder)
  const opened: { close(): Promise<void> }[] = []
  const close = async (): Promise<void> => {
    for (const one of opened.reverse()) await one.close()
    await processes.close()
    await rm(folder, { recursive: true, force: true })
  }

  try {
    const [first, ...others] = ranges
    if (first === undefined) throw new ShoalError('bad-request', 'a swarm needs at least one range')
    await processes.start(first)
    await Promise.all(others.map((range) => processes.start(range)))
    const { model, weights, logger = silentLogger } = options
    const dependencies = { clock: systemClock, random: systemRandom, logger }
    const own = { model, threads: 1 }
    const local = await openLocalEngine(dependencies, { ...own, weights, dataFolder: processes.newPath() })
    opened.push(local)
    const addresses = processes.living().map(({ node }) => node.address)
    const client = await connectClient(dependencies, {
      ...own,
      join: addresses,
      dataFolder: processes.newPath(),
    })
    opened.push(client)
    const known = (): Promise<void> =>
      seen(
        client,
        processes.living().map(({ node }) => node.peerId),
      )
    await known()
    return {
      engine: await client.engine(),
      local,
      client,
      living: () => processes.living(),
      start: (range, threads) => processes.start(range, threads),
      known,
      newPath: () => processes.newPath(),
      close,
      async staff(range, count) {
        const missing = Math.max(0, count - processes.holding(range).length)
        await Promise.all(Array.from({ length: missing }, () => processes.start(range)))
        await known()
        return processes.holding(range)
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** The node processes of a swarm, dead ones included, and their data directories below one folder. */
class MortalProcesses {
  readonly #options: MortalSwarmOptions
  readonly #folder: string
  readonly #holders: Holder[] = []
  /** Data directory of the first process: later ones copy its calibration in place of measuring again. */
  #calibrated: string | null = null
  #paths = 0

  constructor(options: MortalSwarmOptions, folder: string) {
    this.#options = options
    this.#folder = folder
  }

  newPath(): string {
    this.#paths += 1
    return join(this.#folder, `${this.#paths}`)
  }

  living(): Holder[] {
    return this.#holders.filter(({ node }) => node.alive)
  }

  holding(range: Range): MortalNode[] {
    return this.living()
      .filter((holder) => sameRange(holder.range, range))
      .map(({ node }) => node)
  }

  /** Creates the swarm when no process runs, and otherwise joins it at the first that does. */
  async start(range: Range, threads = 1): Promise<MortalNode> {
    const { model, weights, plain } = this.#options
    const [member] = this.living()
    const profile = weights === undefined ? [] : ['--weights', weights]
    const swarm = member === undefined ? profile : ['--join', member.node.address]
    const dataFolder = this.newPath()
    if (this.#calibrated !== null) {
      await mkdir(dataFolder)
      await copyFile(join(this.#calibrated, calibrationFile), join(dataFolder, calibrationFile))
    }
    const own = ['--blocks', range.join(':'), '--threads', String(threads), '--data', dataFolder]
    const node = await startMortalNode(['--model', model, ...swarm, ...own, '--log-level', 'warn'], plain)
    this.#calibrated ??= dataFolder
    this.#holders.push({ range, node })
    return node
  }

  async close(): Promise<void> {
    await Promise.all(this.living().map(({ node }) => node.stop('SIGKILL')))
  }
}

/**
 * Resolves when `observer` sees all these peers serve.
 * @throws {ShoalError} `deadline-passed` after {@link knownWithinMs}
 */
async function seen(observer: SwarmPeer, peerIds: readonly string[]): Promise<void> {
  const limit = timeLimit(
    systemClock,
    knownWithinMs,
    () => new ShoalError('deadline-passed', `the coordinator does not see all of ${peerIds.join(', ')}`),
  )
  try {
    for (;;) {
      const serving = observer
        .status()
        .peers.filter(({ state, liveness }) => state === 'serving' && liveness === 'alive')
        .map(({ peer }) => peer)
      if (peerIds.every((peer) => serving.includes(peer))) return
      await sleep(systemClock, 20, limit.signal)
    }
  } finally {
    limit.clear()
  }
}

/**
 * Waits until no session is open at any running node, as nodes report twice a second.
 * @returns sessions still open after `withinMs`
 */
export async function sessionsLeft(swarm: MortalSwarm, withinMs = 6_000): Promise<number> {
  const endsMs = systemClock.nowMs() + withinMs
  for (;;) {
    const alive = new Set(swarm.living().map(({ node }) => node.peerId))
    const open = swarm.client
      .status()
      .peers.reduce((sum, { peer, sessions }) => sum + (alive.has(peer) ? sessions : 0), 0)
    if (open === 0 || systemClock.nowMs() > endsMs) return open
    await sleep(systemClock, 50)
  }
}
