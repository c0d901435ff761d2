import { createVirtualClock, seededRandom, silentLogger, type Random, type VirtualClock } from '@shoal/host'
import type { BlockRange, BlockSplit } from '@shoal/model'
import type { PackedFolder } from '@shoal/model/node'
import { createMemoryNetwork, type MemoryNetwork, type Transport } from '@shoal/network'
import type { Device } from '@shoal/runtime'
import { createGroupRunner } from '../runner/group-runner.ts'
import type { GroupRunner } from '../runner/runner-types.ts'
import { createBenchModel } from './bench-model.ts'
import { createRankNode, type RankNode, type RankNodeOptions } from './bench-rank.ts'

export { memoryLimitBytes } from './bench-model.ts'
export type { RankNode } from './bench-rank.ts'

/** Nodes on a memory network under a virtual clock that share a golden model and may form groups, for tests. */
export interface GroupBench {
  readonly clock: VirtualClock
  readonly random: Random
  readonly network: MemoryNetwork
  readonly packed: PackedFolder
  readonly manifestId: string
  readonly profile: string
  /** A device for whole blocks, embedding and head. */
  readonly device: Device
  addRank(peer: string, options?: RankNodeOptions): Promise<RankNode>
  /** Nodes with the peer ids `rank-1`, `rank-2` and so on. */
  addRanks(count: number): Promise<RankNode[]>
  split(speeds: readonly number[]): BlockSplit
  /** Forms a group. @param speeds of all ranks, the leader's first */
  lead(
    leader: string,
    range: BlockRange,
    speeds: readonly number[],
    members: readonly RankNode[],
    spares?: readonly RankNode[],
  ): Promise<{ transport: Transport; runner: GroupRunner }>
  close(): Promise<void>
}

export async function createGroupBench(
  name: string,
  weights: string,
  kind: 'reference' | 'onnx',
): Promise<GroupBench> {
  const clock = createVirtualClock()
  const random = seededRandom(7)
  const network = createMemoryNetwork({ clock, random })
  const model = await createBenchModel(name, weights, kind)
  const { manifestId, profile } = model
  const addRank: GroupBench['addRank'] = (peer, options = {}) =>
    createRankNode(model, network.createTransport(peer), clock, options)
  return {
    clock,
    random,
    network,
    packed: model.packed,
    manifestId,
    profile,
    device: await model.addDevice(),
    addRank,
    async addRanks(count) {
      const nodes: RankNode[] = []
      for (let rank = 1; rank <= count; rank += 1) nodes.push(await addRank(`rank-${rank}`))
      return nodes
    },
    split: (speeds) => model.split(speeds),
    async lead(leader, range, speeds, members, spares = []) {
      const transport = network.createTransport(leader)
      const device = await model.addDevice()
      const split = model.split(speeds)
      const { numericClass } = device
      const costs = { roundTripMs: 0.1, msPerByte: 1e-6, parallel: 8 }
      const runner = await createGroupRunner(
        {
          transport,
          clock,
          random,
          logger: silentLogger,
          loadOwn: (sum) => model.loadShare(device, { range, split, rank: 0 }, sum),
        },
        { manifestId, profile, range, split, numericClass, members, spares, costs },
        new AbortController().signal,
      )
      return { transport, runner }
    },
    close: () => model.close(),
  }
}
