import {
  createVirtualClock,
  randomHex,
  seededRandom,
  silentLogger,
  type Logger,
  type Random,
  type VirtualClock,
} from '@shoal/host'
import { settled } from '@shoal/host/testing'
import type { BlockRange } from '@shoal/model'
import { createMemoryNetwork, withSelf, type MemoryNetwork, type Transport } from '@shoal/network'
import { createCoordinator, type Coordinator } from '../coordinator/coordinator.ts'
import { createFakeRunner, type FakeRunner } from '@shoal/runtime/testing'
import { createLocalSession } from '../generation/local-session.ts'
import type { RouteSessionOptions } from '../coordinator/route-session-options.ts'
import { createStageHost, type StageHost } from '../stage/stage-host.ts'
import type { HiddenSession, RouteStage } from '../route/types.ts'

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
  readonly logger: Logger
  /** One for each stage of the route. */
  readonly nodes: readonly FakeNode[]
  /** A node that is on no route yet. */
  addNode(
    peer: string,
    range: BlockRange,
    options?: { numericClass?: string; incarnation?: number },
  ): FakeNode
  open(options?: Partial<RouteSessionOptions>, coordinator?: Coordinator): Promise<HiddenSession>
  /** By another coordinator. */
  openFrom(peer: string, options?: Partial<RouteSessionOptions>): Promise<HiddenSession>
  /** The same blocks in this process. */
  openLocal(): Promise<HiddenSession>
  /** Random rows in [-1, 1). */
  rows(count: number): Float32Array
  /** Moves time second by second, so that messages arrive in between. */
  advance(durationMs: number): Promise<void>
  /** Moves time until the promise settles. */
  finished<Value>(promise: Promise<Value>): Promise<Value>
}

export const fakeManifestId = 'a'.repeat(64)

export interface FakeSwarmOptions {
  /** First blocks of the stages, and the end: `[0, 2, 4, 6]` are three stages of two blocks. */
  readonly cuts?: readonly number[]
  /** Which stages share a node; each has its own otherwise. */
  readonly spansOfOneNode?: readonly (readonly number[])[]
  readonly latencyMs?: number
  readonly limitBytes?: number
}

const hiddenSize = 8

export function createFakeSwarm(options: FakeSwarmOptions = {}): FakeSwarm {
  const { cuts = [0, 2, 4, 6], latencyMs = 0 } = options
  const clock = createVirtualClock()
  const random = seededRandom(1)
  const network = createMemoryNetwork({ clock, random, latencyMs })
  const logger = silentLogger
  const blockCount = cuts.at(-1)!
  const groups = options.spansOfOneNode ?? cuts.slice(0, -1).map((_, index) => [index])

  const nodes = groups
    .flatMap((group) => {
      const peer = `node-${group[0]}`
      const transport = withSelf(network.createTransport(peer), clock)
      const host = createStageHost(
        { transport, clock, logger },
        { manifestId: fakeManifestId, profile: 'f32', numericClass: 'fake', incarnation: 1 },
      )
      const spans = group.map((index): FakeNode => {
        const range = { start: cuts[index]!, end: cuts[index + 1]! }
        const stage = {
          peer,
          addresses: transport.addresses(),
          range,
          incarnation: 1,
          predictedStepMs: () => 10,
        }
        return {
          peer,
          transport,
          host,
          runner: createFakeRunner(range, hiddenSize, options.limitBytes),
          stage,
        }
      })
      void host.setRunners(spans.map(({ runner }) => runner))
      return spans
    })
    .sort((one, other) => one.stage.range.start - other.stage.range.start)
  const coordinator = createCoordinator({ transport: network.createTransport('coordinator'), clock, logger })

  const open: FakeSwarm['open'] = (changes = {}, by = coordinator) =>
    by.open({
      session: randomHex(random, 16),
      manifestId: fakeManifestId,
      profile: 'f32',
      hiddenSize,
      range: { start: 0, end: blockCount },
      route: nodes.map(({ stage }) => stage),
      tokenBudget: 512,
      ...changes,
    })

  return {
    clock,
    network,
    random,
    logger,
    nodes,
    addNode(peer, range, { numericClass = 'fake', incarnation = 1 } = {}) {
      const transport = withSelf(network.createTransport(peer), clock)
      const host = createStageHost(
        { transport, clock, logger },
        { manifestId: fakeManifestId, profile: 'f32', numericClass, incarnation },
      )
      const runner = createFakeRunner(range, hiddenSize, options.limitBytes)
      void host.setRunners([runner])
      return {
        peer,
        transport,
        host,
        runner,
        stage: { peer, addresses: transport.addresses(), range, incarnation, predictedStepMs: () => 10 },
      }
    },
    open,
    openFrom: (peer, changes = {}) =>
      open(changes, createCoordinator({ transport: network.createTransport(peer), clock, logger })),
    openLocal: () =>
      createLocalSession([createFakeRunner({ start: 0, end: blockCount }, hiddenSize)], {
        session: 'local',
        tokenBudget: 4096,
      }),
    rows: (count) => Float32Array.from({ length: count * hiddenSize }, () => random.unit() * 2 - 1),
    async advance(durationMs) {
      for (let leftMs = durationMs; leftMs > 0; leftMs -= 1000) {
        clock.advance(Math.min(1000, leftMs))
        await settled(20)
      }
    },
    async finished(promise) {
      let over = false
      const end = (): void => {
        over = true
      }
      promise.then(end, end)
      await settled()
      while (!over) {
        clock.advance(1)
        await settled(20)
      }
      return promise
    },
  }
}

/** No session, no KV and no journal anywhere. */
export function freeEverywhere(swarm: FakeSwarm): boolean {
  return swarm.nodes.every(({ host, runner }) => {
    const { sessions, journalBytes, journalReservedBytes } = host.memory()
    return (
      sessions +
        journalBytes +
        journalReservedBytes +
        runner.memory().sessions +
        runner.memory().reservedBytes ===
      0
    )
  })
}

/** Lets everything happen that waits for no timer. Microtasks only, so that it is the same on every machine. */
