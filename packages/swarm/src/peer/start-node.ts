import { join } from 'node:path'
import { ShoalError, type SystemDependencies } from '@shoal/host'
import { nextIncarnation } from '@shoal/host/node'
import { membershipProfiles } from '@shoal/membership'
import { sha256Hex } from '@shoal/model'
import { createDevice } from '@shoal/runtime'
import { grouped, groupMemoryBytes, type GroupOptions } from '../groups/group-device.ts'
import { measureAlways } from '../measuring/measure-always.ts'
import { createMember } from './member.ts'
import type { SpanKeeper } from '../placement/span-keeper.ts'
import { inScope, type Scope } from '../scope.ts'
import type { Progress, SwarmEvent, SwarmPeer } from '../types.ts'
import { createStepSpeed } from '../measuring/step-speed.ts'
import { calibrateBlock, type BlockSpeed } from '../measuring/calibration/calibrate.ts'
import { paced } from '../measuring/calibration/paced.ts'
import { agent } from '../joining/ask-peer.ts'
import { joinModel } from '../joining/join-model.ts'
import { knowOthers } from '../joining/wait-for-members.ts'
import { createLazyEngine } from '../generation/lazy-engine.ts'
import { createLeaving } from './leaving.ts'
import { createNodePublisher } from '../directory/node-publisher.ts'
import { sweepDataFolder } from '../weights/sweep.ts'

export interface NodeOptions {
  /** A local copy of the model; needed to create a swarm. */
  readonly model?: string | undefined
  readonly weights?: string | undefined
  readonly kv?: string | undefined
  /** Multiaddrs of members; none creates a swarm. */
  readonly join: readonly string[]
  /** Multiaddrs of any Shoal peers, of whatever model: the way into the directory by which swarms are found. */
  readonly bootstrap?: readonly string[] | undefined
  /** Join only the swarm of this manifest. */
  readonly manifestId?: string | undefined
  readonly listen: readonly string[]
  readonly lan: boolean
  /** Multiaddrs told to others instead of what is listened on: a router's mapping. */
  readonly announce?: readonly string[] | undefined
  /** What to dial instead of some addresses, for links that are given a shape. */
  readonly dialInstead?: Readonly<Record<string, string>> | undefined
  /** Computes so many times slower than this machine could: a swarm of unequal devices on one of them. */
  readonly slowdown?: number | undefined
  /** For weights and KV caches together. */
  readonly memoryBytes: number
  /**
   * Memory beside `memoryBytes` that only KV caches and journals of sessions use: the plan gives the node no more blocks
   * for it, so that it has room for more answers at once.
   */
  readonly sessionMemoryBytes?: number | undefined
  /** Exactly these blocks instead of what the plan says. */
  readonly blocks?: readonly [number, number] | undefined
  /** Take part in groups that plans form; the same word for peers that share a machine. */
  readonly machine?: string | undefined
  /** Lead a group that computes the blocks together. */
  readonly group?: GroupOptions | undefined
  readonly threads: number
  readonly dataFolder: string
  readonly onEvent: (event: SwarmEvent) => void
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ServingPeer extends SwarmPeer {
  /** Blocks `[start, end)` that this node serves now. */
  blocks(): readonly [number, number] | null
  readonly numericClass: string
  /** What one block costs here, as timed at the start. */
  readonly speed: BlockSpeed
}

/**
 * Creates a swarm or joins one, and serves blocks. Resolves when the first span is served, or when the plan needs
 * nothing of this node for now.
 */
export function startNode(dependencies: SystemDependencies, options: NodeOptions): Promise<ServingPeer> {
  return inScope((scope) => start(dependencies, options, scope))
}

async function start(
  dependencies: SystemDependencies,
  options: NodeOptions,
  scope: Scope,
): Promise<ServingPeer> {
  const { dataFolder, threads, signal } = options
  const listen = options.listen.length === 0 && !options.lan ? ['/ip4/127.0.0.1/tcp/0'] : options.listen
  await sweepDataFolder(dependencies, dataFolder)
  const connection = {
    keyFolder: dataFolder,
    listen,
    lan: options.lan,
    announce: options.announce,
    dialInstead: options.dialInstead,
    serveDirectory: true,
  }
  const joined = await joinModel(dependencies, { ...options, role: 'node', connection }, scope)
  const { transport, directory, manifest, store, rates, reputation } = joined
  const { blockCount } = manifest.manifest.config
  if (options.blocks !== undefined && options.blocks[1] > blockCount) {
    throw new ShoalError(
      'wrong-range',
      `--blocks ${options.blocks.join(':')} is outside the ${blockCount} blocks of ${manifest.manifest.name}`,
    )
  }
  const { slowdown = 1 } = options
  // Both start a thread first, which takes longer than what is timed there.
  const opening = createDevice({
    kind: 'onnx',
    manifest,
    folder: store.path,
    threads,
    logger: dependencies.logger,
  })
  scope.onClose(async () => (await opening).close())
  const [own, speed] = await Promise.all([
    opening,
    calibrateBlock(dependencies, manifest, { threads, slowdown, dataFolder }),
  ])
  signal?.throwIfAborted()
  const single = paced(own, slowdown, scope)
  const device =
    options.group === undefined
      ? single
      : grouped({ ...dependencies, transport, manifest }, single, options.group)
  // Who holds what it was told, or leads whom it was told, is in no group of a plan.
  const machine = options.blocks === undefined && options.group === undefined ? options.machine : undefined
  const steps = createStepSpeed(dependencies.clock, () => speed.decodeMicrosPer1024Past)
  const incarnationPath = join(dataFolder, 'incarnation')
  const member = createMember(
    {
      ...dependencies,
      transport,
      manifest,
      device: steps.watch(device),
      rates,
      conduct: reputation.neighbours,
      nextIncarnation: (atLeast) => Math.max(atLeast, nextIncarnation(incarnationPath)),
      ensureUnits: (units, ended) => store.ensureUnits(units, ended),
    },
    {
      profile: options.lan ? membershipProfiles.lan : membershipProfiles.local,
      blocks: options.blocks,
      groups: machine !== undefined,
      memoryBytes: options.memoryBytes + (options.sessionMemoryBytes ?? 0),
      onEvent: (event) => options.onEvent(event),
    },
    scope,
  )
  const { membership, stageHost, view, keeper, groups } = member
  joined.askOnly(() => membership.members().map(({ record }) => record.peerId))
  membership.start()
  const { decodeMicrosPerBlock, decodeMicrosPer1024Past, prefillMicrosPerRowBlock } = speed
  const memoryBytes =
    options.group === undefined ? options.memoryBytes : groupMemoryBytes(options.memoryBytes, options.group)
  const hardware = {
    memoryBytes,
    decodeMicrosPerBlock,
    decodeMicrosPer1024Past,
    prefillMicrosPerRowBlock,
    bandwidthBytesPerSecond: 0,
    device: device.kind,
    threads: device.threads,
  }
  await membership.announce({
    state: 'joining',
    ...member.said.measured(hardware),
    ...(machine !== undefined && { machine: machineIn(manifest.id, machine) }),
    numericClass: device.numericClass,
    addresses: transport.addresses(),
    version: agent,
  })
  const publisher = createNodePublisher(dependencies, joined, membership, [
    ...(options.bootstrap ?? []),
    ...options.join,
  ])
  scope.onClose(() => publisher.close())
  publisher.start()
  // Told what to hold, it need not plan.
  if (options.blocks === undefined) await knowOthers({ ...dependencies, transport, view }, signal)
  keeper.start()
  measureAlways({ ...dependencies, transport, manifest, rates, steps, member }, hardware, scope)
  await firstDecision(keeper, signal)

  const engine = createLazyEngine({
    ...dependencies,
    transport,
    manifest,
    routes: view,
    reputation,
    device: async () => device,
    store,
  })
  scope.onClose(() => engine.close())
  const leave = createLeaving(
    { logger: dependencies.logger, keeper, stageHost, membership, engine, groups, publisher, scope },
    options.onEvent,
  )
  return {
    peerId: transport.peerId,
    addresses: () => transport.addresses(),
    manifest,
    get numericClass() {
      return device.numericClass
    },
    speed,
    blocks() {
      const held = keeper.held()
      return held === null ? null : [held.start, held.end]
    },
    status: () => ({
      ...view.status(),
      transfers: store.transfers(),
      directory: { ...directory.stats(), providers: publisher.providers() },
    }),
    engine: () => engine.get(),
    whenCovered: (ended) => view.whenCovered(ended),
    whenKnown: (ended) => view.whenKnown(ended),
    leave,
    close: () => scope.close(),
  }
}

/** Says nothing of the machine to whoever compares swarms. */
function machineIn(manifestId: string, machine: string): string {
  return sha256Hex(new TextEncoder().encode(`${manifestId} ${machine}`)).slice(0, 16)
}

/** Whoever is told to stop while the first span loads must not wait for it. */
async function firstDecision(keeper: SpanKeeper, signal: AbortSignal | undefined): Promise<void> {
  const interrupted = Promise.withResolvers<never>()
  const onAbort = (): void =>
    interrupted.reject(
      new ShoalError('cancelled', 'the node was stopped before it served', { cause: signal?.reason }),
    )
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted === true) onAbort()
  try {
    await Promise.race([keeper.settled, keeper.failed, interrupted.promise])
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}
