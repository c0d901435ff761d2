import { createMemoryBudget, type SystemDependencies } from '@shoal/host'
import { formatProfile, rankShare, unitsOfShare, type IdentifiedManifest } from '@shoal/model'
import { createDevice, residentHeadBytes, type Device } from '@shoal/runtime'
import { createRankHost, type RankHostOptions } from '@shoal/group'
import { loadChargedHead } from '../groups/head/charged-head.ts'
import { inScope, type Scope } from '../scope.ts'
import type { Progress } from '../types.ts'
import { connectionOf } from '../joining/discovery/connection.ts'
import { joinModel } from '../joining/join-model.ts'
import { paced } from '../measuring/calibration/paced.ts'
import type { ModelStore } from '../weights/model-store.ts'

export interface RankOptions {
  /** A local copy of the model; else it comes from the swarm. */
  readonly model?: string | undefined
  readonly weights?: string | undefined
  readonly kv?: string | undefined
  /** Multiaddrs of members; with an empty list `model` is required. */
  readonly join: readonly string[]
  readonly listen: readonly string[]
  readonly lan: boolean
  /** Multiaddrs told to other peers instead of those that are listened on. */
  readonly announce?: readonly string[] | undefined
  readonly dialInstead?: Readonly<Record<string, string>> | undefined
  readonly slowdown?: number | undefined
  /** Peer ids that may make this node a rank of theirs; null for whoever reaches it. */
  readonly leaders: readonly string[] | null
  /** Bytes for weights and KV caches together. */
  readonly memoryBytes: number
  readonly threads: number
  readonly dataFolder: string
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** A peer that computes shares of blocks in groups that others lead; it is no member of the swarm and serves no span. */
export interface RankPeer {
  readonly peerId: string
  addresses(): readonly string[]
  readonly manifest: IdentifiedManifest
  readonly numericClass: string
  /** Number of groups of which it is a rank. */
  groups(): number
  close(): Promise<void>
}

/** Resolves when it can be asked. */
export function startRank(dependencies: SystemDependencies, options: RankOptions): Promise<RankPeer> {
  return inScope((scope) => start(dependencies, options, scope))
}

async function start(
  dependencies: SystemDependencies,
  options: RankOptions,
  scope: Scope,
): Promise<RankPeer> {
  const { clock, logger } = dependencies
  const { threads, leaders, memoryBytes } = options
  const connection = { ...connectionOf(options), serveDirectory: false }
  const { transport, manifest, store } = await joinModel(
    dependencies,
    { ...options, role: 'node', connection },
    scope,
  )
  const own = await createDevice({ kind: 'onnx', manifest, folder: store.path, threads, logger })
  scope.onClose(() => own.close())
  const device = paced(own, options.slowdown ?? 1, scope)
  const host = createRankHost(
    { transport, clock, logger },
    {
      manifestId: manifest.id,
      profile: formatProfile(manifest.manifest.profile),
      get numericClass() {
        return device.numericClass
      },
      accepts: (leader) => leaders === null || leaders.includes(leader),
      ...shareLoading(manifest, store, device, memoryBytes),
    },
  )
  scope.onClose(() => host.close())
  return {
    peerId: transport.peerId,
    addresses: () => transport.addresses(),
    manifest,
    get numericClass() {
      return device.numericClass
    },
    groups: () => host.groups,
    close: () => scope.close(),
  }
}

/** How a rank loads its share of blocks and of the head: their weights first, within the memory that it may use. */
function shareLoading(
  { manifest }: IdentifiedManifest,
  store: Pick<ModelStore, 'ensureUnits'>,
  device: Device,
  memoryBytes: number,
): Pick<RankHostOptions, 'load' | 'loadHead'> {
  const { config, profile } = manifest
  const memory = createMemoryBudget(memoryBytes)
  return {
    async load({ range, split, rank, sum }, signal) {
      const share = rankShare(config, profile, split, rank)
      await store.ensureUnits(unitsOfShare(config, range, share), signal)
      return device.loadRank(range, { share, sum, memory, signal })
    },
    async loadHead(vocabulary, signal) {
      await store.ensureUnits(['embed', 'head'], signal)
      const bytes = residentHeadBytes(manifest, vocabulary)
      return loadChargedHead(memory, bytes, () => device.loadHead(vocabulary))
    },
  }
}
