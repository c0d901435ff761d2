import {
  createVirtualClock,
  randomHex,
  seededRandom,
  silentLogger,
  type Logger,
  type Random,
  type VirtualClock,
} from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import { createMemoryNetwork, type MemoryNetwork } from '@shoal/network'
import { createFakeRunner } from '@shoal/runtime/testing'
import { createCoordinator, type Coordinator } from '../coordinator/coordinator.ts'
import type { RouteSessionOptions } from '../coordinator/route-session-options.ts'
import { createLocalSession } from '../generation/local-session.ts'
import type { HiddenSession, RouteSession } from '../route/types.ts'
import { createFakeNode, fakeManifestId, type FakeNode, type FakeNodeLife } from './fake-node.ts'
import { createPassingTime, type PassingTime } from './passing-time.ts'

/** Stages and a coordinator on a memory network under a virtual clock: the real session code, fake computation. */
export interface FakeSwarm extends PassingTime {
  readonly clock: VirtualClock
  readonly network: MemoryNetwork
  readonly random: Random
  readonly logger: Logger
  /** One for each stage of the route, in its order. */
  readonly nodes: readonly FakeNode[]
  /** A node that is on no route yet. */
  addNode(peer: string, range: BlockRange, life?: FakeNodeLife): FakeNode
  open(options?: Partial<RouteSessionOptions>, coordinator?: Coordinator): Promise<RouteSession>
  /** Opens the session from a coordinator of its own, the peer `peer`. */
  openFrom(peer: string, options?: Partial<RouteSessionOptions>): Promise<HiddenSession>
  /** The same blocks in this process. */
  openLocal(): Promise<HiddenSession>
  /** Random rows in [-1, 1). */
  rows(count: number): Float32Array
}

export interface FakeSwarmOptions {
  /** First blocks of the stages, and the end: `[0, 2, 4, 6]` are three stages of two blocks. */
  readonly cuts?: readonly number[]
  /** Which stages share a node; each has its own otherwise. */
  readonly spansOfOneNode?: readonly (readonly number[])[]
  readonly latencyMs?: number
  readonly limitBytes?: number
  /** Peers that are no members; without it every peer is trusted. */
  readonly strangers?: readonly string[]
}

const hiddenSize = 8

export function createFakeSwarm(options: FakeSwarmOptions = {}): FakeSwarm {
  const { cuts = [0, 2, 4, 6], latencyMs = 0, limitBytes, strangers } = options
  const clock = createVirtualClock()
  const random = seededRandom(1)
  const network = createMemoryNetwork({ clock, random, latencyMs })
  const logger = silentLogger
  const nodeOptions = { network, clock, logger, hiddenSize, limitBytes, strangers }
  const range = { start: 0, end: cuts.at(-1)! }

  const nodes = (options.spansOfOneNode ?? cuts.slice(0, -1).map((_, index) => [index]))
    .flatMap((group) => {
      const ranges = group.map((index) => ({ start: cuts[index]!, end: cuts[index + 1]! }))
      return createFakeNode(nodeOptions, `node-${group[0]}`, ranges)
    })
    .sort((one, other) => one.stage.range.start - other.stage.range.start)
  const createCoordinatorOf = (peer: string): Coordinator =>
    createCoordinator({ transport: network.createTransport(peer), clock, logger })
  const coordinator = createCoordinatorOf('coordinator')

  const open: FakeSwarm['open'] = (changes = {}, by = coordinator) =>
    by.open({
      session: randomHex(random, 16),
      manifestId: fakeManifestId,
      profile: 'f32',
      hiddenSize,
      range,
      route: nodes.map(({ stage }) => stage),
      tokenBudget: 512,
      ...changes,
    })

  return {
    ...createPassingTime(clock),
    clock,
    network,
    random,
    logger,
    nodes,
    addNode: (peer, span, life) => createFakeNode(nodeOptions, peer, [span], life)[0]!,
    open,
    openFrom: (peer, changes = {}) => open(changes, createCoordinatorOf(peer)),
    openLocal: () =>
      createLocalSession([createFakeRunner(range, hiddenSize)], { session: 'local', tokenBudget: 4096 }),
    rows: (count) => Float32Array.from({ length: count * hiddenSize }, () => random.unit() * 2 - 1),
  }
}

/** Whether no node of the route has a session, a KV cache or a journal. */
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
