import { join } from 'node:path'
import { every, messageOf, ShoalError } from '@shoal/host'
import { nextIncarnation } from '@shoal/host/node'
import { formatProfile } from '@shoal/model'
import { createMembership, membershipProfiles, type Membership } from '@shoal/membership'
import { createOnnxDevice, type Device } from '@shoal/runtime'
import { createStageHost, type StageHost } from '@shoal/session'
import { createBusyMeter } from '../busy-meter.ts'
import { createSpanKeeper, type SpanKeeper } from '../span-keeper.ts'
import { inScope, type Scope } from '../scope.ts'
import type { Progress, SwarmEvent, SwarmPeer } from '../types.ts'
import { createSwarmView, type SwarmView } from '../view.ts'
import { calibrateBlock } from './calibrate.ts'
import { agent } from './join.ts'
import { joinModel, type JoinedModel } from './join-model.ts'
import { createLazyEngine } from './lazy-engine.ts'
import { createLeaving } from './leaving.ts'
import type { SystemDependencies } from './local-engine.ts'
import { watchMembers } from './watch-members.ts'

export interface NodeOptions {
  /** A local copy of the model; needed to create a swarm. */
  readonly model?: string | undefined
  readonly weights?: string | undefined
  readonly kv?: string | undefined
  /** Multiaddrs of members; none creates a swarm. */
  readonly join: readonly string[]
  readonly listen: readonly string[]
  readonly lan: boolean
  /** For weights and KV caches together. */
  readonly memoryBytes: number
  /** Exactly these blocks instead of what the plan says. */
  readonly blocks?: readonly [number, number] | undefined
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
}

/** Beats carry the load; it is read this often. */
const loadIntervalMs = 500

/**
 * Creates a swarm or joins one, and serves blocks. Resolves when the first span is served, or when the plan needs
 * nothing of this node for now.
 */
export function startNode(dependencies: SystemDependencies, options: NodeOptions): Promise<ServingPeer> {
  return inScope((scope) => start(dependencies, options, scope))
}

async function start(dependencies: SystemDependencies, options: NodeOptions, scope: Scope): Promise<ServingPeer> {
  const { dataFolder, threads, signal } = options
  const listen = options.listen.length === 0 && !options.lan ? ['/ip4/127.0.0.1/tcp/0'] : options.listen
  const joined = await joinModel(dependencies, { ...options, role: 'node', connection: { keyFolder: dataFolder, listen, lan: options.lan } }, scope)
  const { transport, manifest, store } = joined
  const { blockCount } = manifest.manifest.config
  if (options.blocks !== undefined && options.blocks[1] > blockCount) {
    throw new ShoalError('wrong-range', `--blocks ${options.blocks.join(':')} is outside the ${blockCount} blocks of ${manifest.manifest.name}`)
  }
  const device = await createOnnxDevice({ manifest, folder: store.path, threads, logger: dependencies.logger })
  scope.onClose(() => device.close())
  const speed = await calibrateBlock(dependencies, manifest, threads, dataFolder)
  signal?.throwIfAborted()

  const member = createMember(dependencies, options, joined, device, scope)
  const { membership, stageHost, view, keeper } = member
  membership.start()
  await membership.announce({
    state: 'joining',
    hardware: { memoryBytes: options.memoryBytes, ...speed, bandwidthBytesPerSecond: 0, device: device.kind, threads: device.threads },
    numericClass: device.numericClass,
    addresses: transport.addresses(),
    version: agent,
  })
  keeper.start()
  await firstDecision(keeper, signal)

  const engine = createLazyEngine({ ...dependencies, transport, manifest, routes: view, device: async () => device, store })
  scope.onClose(() => engine.close())
  const leave = createLeaving({ logger: dependencies.logger, keeper, stageHost, membership, scope }, options.onEvent)
  return {
    peerId: transport.peerId,
    addresses: () => transport.addresses(),
    manifest,
    get numericClass() {
      return device.numericClass
    },
    blocks() {
      const held = keeper.held()
      return held === null ? null : [held.start, held.end]
    },
    status: () => ({ ...view.status(), transfers: store.transfers() }),
    engine: () => engine.get(),
    whenCovered: (ended) => view.whenCovered(ended),
    whenKnown: (ended) => view.whenKnown(ended),
    leave,
    close: () => scope.close(),
  }
}

interface MemberParts {
  readonly membership: Membership
  readonly stageHost: StageHost
  readonly view: SwarmView
  readonly keeper: SpanKeeper
}

/** Everything of a member that stands on its connection and its device; nothing has been announced yet. */
function createMember(dependencies: SystemDependencies, options: NodeOptions, { transport, manifest, store }: JoinedModel, device: Device, scope: Scope): MemberParts {
  const { clock, random, logger } = dependencies
  const incarnationPath = join(options.dataFolder, 'incarnation')
  const membership = createMembership(
    { transport, clock, random, logger, nextIncarnation: (atLeast) => Math.max(atLeast, nextIncarnation(incarnationPath)) },
    { ...(options.lan ? membershipProfiles.lan : membershipProfiles.local), document: manifest.id, incarnation: nextIncarnation(incarnationPath) },
  )
  scope.onClose(() => membership.close())

  const stageHost = createStageHost(
    { transport, clock, logger },
    {
      manifestId: manifest.id,
      profile: formatProfile(manifest.manifest.profile),
      get numericClass() {
        return device.numericClass
      },
      get incarnation() {
        return membership.incarnation
      },
      onEvent: (event) => options.onEvent(event),
    },
  )
  scope.onClose(() => stageHost.close())

  const view = createSwarmView({ selfId: transport.peerId, manifest, membership })
  const meter = createBusyMeter(clock)
  const keeper = createSpanKeeper(
    { clock, logger, selfId: transport.peerId, membership, view, stageHost, device: meter.watch(device), ensureUnits: (units, ended) => store.ensureUnits(units, ended) },
    { fixed: options.blocks === undefined ? null : { start: options.blocks[0], end: options.blocks[1] }, memoryBytes: options.memoryBytes, onEvent: options.onEvent },
  )
  scope.onClose(() => keeper.stop())
  watchMembers({ transport, membership, logger }, options.onEvent, () => keeper.dropSessions())
  const loads = every(clock, loadIntervalMs, () => membership.setLoad({ sessions: stageHost.sessions(), busyPermille: meter.takePermille() }), (error) => logger.warn('load-failed', { reason: messageOf(error) }))
  scope.onClose(() => loads.cancel())
  return { membership, stageHost, view, keeper }
}

/** Whoever is told to stop while the first span loads must not wait for it. */
async function firstDecision(keeper: SpanKeeper, signal: AbortSignal | undefined): Promise<void> {
  const interrupted = Promise.withResolvers<never>()
  const onAbort = (): void => interrupted.reject(new ShoalError('cancelled', 'the node was stopped before it served', { cause: signal?.reason }))
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted === true) onAbort()
  try {
    await Promise.race([keeper.settled, keeper.failed, interrupted.promise])
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}
