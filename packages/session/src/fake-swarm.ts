import { createVirtualClock, randomHex, seededRandom, silentLogger, type Random, type VirtualClock } from '@shoal/host'
import { createMemoryNetwork, type MemoryNetwork, type Transport } from '@shoal/network'
import { createCoordinator, type Coordinator } from './coordinator.ts'
import { createFakeRunner, type FakeRunner } from './fake-runner.ts'
import { createLocalSession } from './local-session.ts'
import type { SessionTimes } from './limits.ts'
import type { RouteSessionOptions } from './route-session.ts'
import { createStageHost, type StageHost } from './stage-host.ts'
import type { HiddenSession, RouteStage } from './types.ts'

export interface FakeNode {
  readonly peer: string
  readonly transport: Transport
  readonly host: StageHost
  readonly runner: FakeRunner
  readonly stage: RouteStage
}

/** Stages and a coordinator on a memory network under a virtual clock: the real session code, fake computation. */
export interface FakeSwarm {
  readonly clock: VirtualClock
  readonly network: MemoryNetwork
  readonly random: Random
  readonly nodes: readonly FakeNode[]
  readonly transport: Transport
  readonly coordinator: Coordinator
  readonly hiddenSize: number
  open(options?: Partial<RouteSessionOptions>): Promise<HiddenSession>
  /** The same blocks in this process. */
  openLocal(): Promise<HiddenSession>
  /** Random rows in [-1, 1). */
  rows(count: number): Float32Array
  close(): Promise<void>
}

export const fakeManifestId = 'a'.repeat(64)

export interface FakeSwarmOptions {
  /** First blocks of the stages, and the end: `[0, 2, 4, 6]` are three stages of two blocks. */
  readonly cuts?: readonly number[]
  readonly hiddenSize?: number
  readonly seed?: number
  readonly latencyMs?: number
  readonly limitBytes?: number
  readonly times?: Partial<SessionTimes>
}

export function createFakeSwarm(options: FakeSwarmOptions = {}): FakeSwarm {
  const { cuts = [0, 2, 4, 6], hiddenSize = 8, seed = 1, latencyMs = 0, times = {} } = options
  const clock = createVirtualClock()
  const random = seededRandom(seed)
  const network = createMemoryNetwork({ clock, random, latencyMs })
  const logger = silentLogger
  const blockCount = cuts.at(-1)!

  const nodes = cuts.slice(0, -1).map((start, index): FakeNode => {
    const peer = `node-${index}`
    const transport = network.createTransport(peer)
    const range = { start, end: cuts[index + 1]! }
    const runner = createFakeRunner(range, hiddenSize, options.limitBytes)
    const host = createStageHost({ transport, clock, logger }, { manifestId: fakeManifestId, profile: 'f32', numericClass: 'fake', incarnation: 1, times })
    void host.setRunners([runner])
    return { peer, transport, host, runner, stage: { peer, addresses: transport.addresses(), range, incarnation: 1, predictedStepMs: () => 10 } }
  })
  const transport = network.createTransport('coordinator')
  const coordinator = createCoordinator({ transport, clock, logger }, { times })

  return {
    clock,
    network,
    random,
    nodes,
    transport,
    coordinator,
    hiddenSize,
    open: (changes = {}) =>
      coordinator.open({
        session: randomHex(random, 16),
        manifestId: fakeManifestId,
        profile: 'f32',
        hiddenSize,
        range: { start: 0, end: blockCount },
        route: nodes.map(({ stage }) => stage),
        tokenBudget: 512,
        ...changes,
      }),
    openLocal: () => createLocalSession([createFakeRunner({ start: 0, end: blockCount }, hiddenSize)], { session: 'local', tokenBudget: 4096 }),
    rows: (count) => Float32Array.from({ length: count * hiddenSize }, () => random.unit() * 2 - 1),
    async close() {
      await coordinator.close()
      for (const { host } of nodes) await host.close()
    },
  }
}

/** Lets everything happen that waits for no timer. Microtasks only, so that it is the same on every machine. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 500; turn += 1) await Promise.resolve()
}
