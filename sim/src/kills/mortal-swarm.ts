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

/** Node processes that are killed and replaced, a coordinator in this process, and one process' worth of truth. */
export interface MortalSwarm {
  /** Over the swarm. */
  readonly engine: Engine
  /** The same model in this process alone: what the swarm is compared with. */
  readonly local: Engine
  readonly client: SwarmPeer
  /** Those that run. */
  living(): readonly Holder[]
  /** Starts one more; `known` says when the coordinator sees it. */
  start(range: Range, threads?: number): Promise<MortalNode>
  /** Resolves when the coordinator sees everybody serve who runs. */
  known(): Promise<void>
  /** Starts what is missing until `count` running processes hold this range and the coordinator knows them. */
  staff(range: Range, count: number): Promise<readonly MortalNode[]>
  /** A path where there is nothing yet. */
  newPath(): string
  close(): Promise<void>
}

export interface MortalSwarmOptions {
  readonly model: string
  readonly weights?: string
  /** Processes that take no orders: for measurements. */
  readonly plain?: boolean
  /** Of the coordinator. */
  readonly logger?: Logger
}

/** Where a node keeps how fast this machine is. */
const calibrationFile = 'calibration.json'

/** A process must be known to the coordinator that soon after it serves. */
const knownWithinMs = 20_000

const sameRange = (one: Range, other: Range): boolean => one[0] === other[0] && one[1] === other[1]

export async function startMortalSwarm(
  options: MortalSwarmOptions,
  ranges: readonly Range[],
): Promise<MortalSwarm> {
  const { model, weights, plain = false, logger = silentLogger } = options
  const folder = await mkdtemp(join(tmpdir(), 'shoal-kills-'))
  const holders: Holder[] = []
  const opened: { close(): Promise<void> }[] = []
  /** The data directory of the first one: it has timed this machine, and the others need not. */
  let measured: string | null = null
  let paths = 0
  const newPath = (): string => join(folder, `${(paths += 1)}`)

  const living = (): Holder[] => holders.filter(({ node }) => node.alive)
  const start = async (range: Range, threads = 1): Promise<MortalNode> => {
    const [member] = living()
    const swarm =
      member === undefined
        ? weights === undefined
          ? []
          : ['--weights', weights]
        : ['--join', member.node.address]
    const dataFolder = newPath()
    if (measured !== null) {
      await mkdir(dataFolder)
      await copyFile(join(measured, calibrationFile), join(dataFolder, calibrationFile))
    }
    const own = ['--blocks', range.join(':'), '--threads', String(threads), '--data', dataFolder]
    const node = await startMortalNode(['--model', model, ...swarm, ...own, '--log-level', 'warn'], plain)
    measured ??= dataFolder
    holders.push({ range, node })
    return node
  }
  const close = async (): Promise<void> => {
    for (const one of opened.reverse()) await one.close()
    await Promise.all(living().map(({ node }) => node.stop('SIGKILL')))
    await rm(folder, { recursive: true, force: true })
  }

  try {
    const [first, ...others] = ranges
    if (first === undefined) throw new ShoalError('bad-request', 'a swarm has ranges')
    await start(first)
    await Promise.all(others.map((range) => start(range)))
    const dependencies = { clock: systemClock, random: systemRandom, logger }
    const local = await openLocalEngine(dependencies, { model, weights, threads: 1, dataFolder: newPath() })
    opened.push(local)
    const client = await connectClient(dependencies, {
      model,
      join: living().map(({ node }) => node.address),
      threads: 1,
      dataFolder: newPath(),
    })
    opened.push(client)
    const known = (): Promise<void> =>
      seen(
        client,
        living().map(({ node }) => node.peerId),
      )
    await known()
    return {
      engine: await client.engine(),
      local,
      client,
      living,
      start,
      known,
      newPath,
      close,
      async staff(range, count) {
        const present = (): MortalNode[] =>
          living()
            .filter((holder) => sameRange(holder.range, range))
            .map(({ node }) => node)
        await Promise.all(Array.from({ length: Math.max(0, count - present().length) }, () => start(range)))
        await known()
        return present()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Resolves when a peer sees all of these serve. */
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

/** Sessions open at nodes that run, as they tell twice a second; none after a moment, when all is well. */
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
