import { createMemoryBudget, type Clock, type Logger, type MemoryBudget } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import { withSelf, type MemoryNetwork, type Transport } from '@shoal/network'
import { createFakeRunner, type FakeRunner } from '@shoal/runtime/testing'
import type { RouteStage } from '../route/types.ts'
import type { StagePeers } from '../stage/opening/opening-context.ts'
import { createStageHost, type StageHost } from '../stage/stage-host.ts'

export const fakeManifestId = 'a'.repeat(64)

/** One span of a node: the real stage host over a runner that computes something simple. */
export interface FakeNode {
  readonly peer: string
  readonly transport: Transport
  readonly host: StageHost
  /** What rows of closed sessions may use. */
  readonly memory: MemoryBudget
  readonly runner: FakeRunner
  readonly stage: RouteStage
}

export interface FakeNodeOptions {
  readonly network: MemoryNetwork
  readonly clock: Clock
  readonly logger: Logger
  readonly hiddenSize: number
  /** Memory for the KV caches and journals of each span. */
  readonly limitBytes?: number | undefined
  /** Peers that are no members; without it every peer is trusted. */
  readonly strangers?: readonly string[] | undefined
}

/** What a node announces of itself. */
export interface FakeNodeLife {
  readonly numericClass?: string
  readonly incarnation?: number
}

/** Creates a node that serves `ranges`. @returns one entry for each span, all with the same host */
export function createFakeNode(
  { network, clock, logger, hiddenSize, limitBytes, strangers }: FakeNodeOptions,
  peer: string,
  ranges: readonly BlockRange[],
  { numericClass = 'fake', incarnation = 1 }: FakeNodeLife = {},
): FakeNode[] {
  const transport = withSelf(network.createTransport(peer), clock)
  const memory = createMemoryBudget(limitBytes ?? 2 ** 30)
  const host = createStageHost(
    { transport, clock, logger },
    {
      manifestId: fakeManifestId,
      profile: 'f32',
      numericClass,
      incarnation,
      memory,
      ...(strangers && { peers: peersWith(strangers) }),
    },
  )
  const spans = ranges.map((range): FakeNode => {
    const runner = createFakeRunner(range, hiddenSize, limitBytes)
    const addresses = transport.addresses()
    const stage = { peer, addresses, range, incarnation, predictedStepMs: () => 10 }
    return { peer, transport, host, memory, runner, stage }
  })
  void host.setRunners(spans.map(({ runner }) => runner))
  return spans
}

function peersWith(strangers: readonly string[]): StagePeers {
  return {
    standing: (peer) => (strangers.includes(peer) ? 'stranger' : 'member'),
    account: (peer) => peer,
    addresses: (_peer, named) => named,
  }
}
