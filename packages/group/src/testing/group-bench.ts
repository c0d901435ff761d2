import { createVirtualClock, seededRandom, silentLogger, type Random, type VirtualClock } from '@shoal/host'
import {
  formatProfile,
  parseProfile,
  rankShare,
  splitBlocks,
  openModel,
  type BlockRange,
  type BlockSplit,
  type IndexRange,
} from '@shoal/model'
import { openFolder, packIntoFolder, type PackedFolder } from '@shoal/model/node'
import { createMemoryNetwork, type MemoryNetwork, type Transport } from '@shoal/network'
import {
  createDevice,
  decorateHead,
  decorateRunner,
  type BlockRunner,
  type Device,
  type HeadRunner,
} from '@shoal/runtime'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { GroupPeer } from '../runner/formation.ts'
import { createGroupRunner } from '../runner/group-runner.ts'
import type { GroupRunner } from '../runner/led-group.ts'
import { createRankHost, type RankHost } from '../rank/rank-host.ts'

/** Plenty for a model of three blocks. */
export const memoryLimitBytes = 2 ** 28

/** Nodes on a memory network under a virtual clock that share a golden model and may be ranks: for tests. */
export interface GroupBench {
  readonly clock: VirtualClock
  readonly random: Random
  readonly network: MemoryNetwork
  readonly packed: PackedFolder
  readonly manifestId: string
  readonly profile: string
  /** A device for whole blocks, embedding and head. */
  readonly device: Device
  /** A node that is a rank of whoever asks. */
  addRank(
    peer: string,
    options?: {
      readonly accepts?: (leader: string) => boolean
      readonly manifestId?: string
      readonly numericClass?: string
      readonly onForward?: () => void
      readonly headless?: boolean
      readonly beforeHead?: (vocabulary: IndexRange) => Promise<void>
      readonly cutLogits?: number
    },
  ): Promise<RankNode>
  split(speeds: readonly number[]): BlockSplit
  lead(
    leader: string,
    range: BlockRange,
    speeds: readonly number[],
    members: readonly RankNode[],
    spares?: readonly RankNode[],
  ): Promise<{ transport: Transport; runner: GroupRunner }>
  close(): Promise<void>
}

export interface RankNode extends GroupPeer {
  readonly transport: Transport
  readonly host: RankHost
  /** Shares that it has loaded so far. */
  readonly loaded: BlockRunner[]
  /** How often it was asked for logits. */
  headCalls(): number
}

export async function createGroupBench(
  model: string,
  weights: string,
  kind: 'reference' | 'onnx',
): Promise<GroupBench> {
  const clock = createVirtualClock()
  const random = seededRandom(7)
  const network = createMemoryNetwork({ clock, random })
  const path = mkdtempSync(join(tmpdir(), 'shoal-group-'))
  const source = await openModel(
    await openFolder(resolve(import.meta.dirname, '../../../../test/golden', model)),
  )
  const packed = await packIntoFolder(source, parseProfile(weights), path)
  await source.close()
  const { manifest } = packed
  const { config, profile } = manifest.manifest
  const devices: Device[] = []
  const addDevice = async (): Promise<Device> => {
    const device =
      kind === 'onnx'
        ? await createDevice({
            kind: 'onnx',
            manifest,
            folder: packed.path,
            threads: 1,
            logger: silentLogger,
          })
        : await createDevice({
            kind: 'reference',
            manifest,
            readTensor: (name, offset, length) => packed.read(name, offset, length),
          })
    devices.push(device)
    return device
  }
  const device = await addDevice()
  const common = { manifestId: manifest.id, profile: formatProfile(profile) }

  return {
    clock,
    random,
    network,
    packed,
    ...common,
    device,
    async addRank(peer, options = {}) {
      const transport = network.createTransport(peer)
      const own = await addDevice()
      const loaded: BlockRunner[] = []
      let headCalls = 0
      const loadHead = async (vocabulary: IndexRange): Promise<HeadRunner> => {
        await options.beforeHead?.(vocabulary)
        const head = await own.loadHead(vocabulary)
        return decorateHead(head, {
          async logits(hidden, into) {
            headCalls += 1
            const logits = await head.logits(hidden, into)
            return logits.subarray(options.cutLogits ?? 0)
          },
        })
      }
      const host = createRankHost(
        { transport, clock, logger: silentLogger },
        {
          ...common,
          ...(options.manifestId === undefined ? {} : { manifestId: options.manifestId }),
          numericClass: options.numericClass ?? own.numericClass,
          accepts: options.accepts ?? (() => true),
          ...(options.headless === true ? {} : { loadHead }),
          async load({ range, split, rank, sum }, signal) {
            const runner = await own.loadRank(range, {
              share: rankShare(config, profile, split, rank),
              sum,
              memoryLimitBytes,
              signal,
            })
            loaded.push(runner)
            return decorateRunner(runner, {
              forward(session, position, hidden) {
                options.onForward?.()
                return runner.forward(session, position, hidden)
              },
            })
          },
        },
      )
      return { peer, addresses: transport.addresses(), transport, host, loaded, headCalls: () => headCalls }
    },
    split: (speeds) => splitBlocks(config, profile, speeds),
    async lead(leader, range, speeds, members, spares = []) {
      const transport = network.createTransport(leader)
      const own = await addDevice()
      const split = splitBlocks(config, profile, speeds)
      const runner = await createGroupRunner(
        {
          transport,
          clock,
          random,
          logger: silentLogger,
          loadOwn: (sum) =>
            own.loadRank(range, { share: rankShare(config, profile, split, 0), sum, memoryLimitBytes }),
        },
        {
          ...common,
          range,
          split,
          numericClass: own.numericClass,
          members,
          spares,
          costs: { roundTripMs: 0.1, msPerByte: 1e-6, parallel: 8 },
        },
        new AbortController().signal,
      )
      return { transport, runner }
    },
    async close() {
      for (const one of devices) await one.close()
      await packed.close()
      rmSync(path, { recursive: true })
    },
  }
}
