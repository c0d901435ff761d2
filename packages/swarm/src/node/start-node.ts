import { join } from 'node:path'
import { every, messageOf, ShoalError } from '@shoal/host'
import { nextIncarnation } from '@shoal/host/node'
import { formatProfile } from '@shoal/model'
import { createMembership, membershipProfiles } from '@shoal/membership'
import { createOnnxDevice } from '@shoal/runtime'
import { createStageHost } from '@shoal/session'
import { serveBlobs } from '../blobs/serve.ts'
import { serveHello } from '../hello.ts'
import { createSpanKeeper } from '../span-keeper.ts'
import type { Progress, SwarmEvent, SwarmPeer } from '../types.ts'
import { createSwarmView } from '../view.ts'
import { calibrateBlock } from './calibrate.ts'
import { openConnection } from './connection.ts'
import { createLazyEngine } from './lazy-engine.ts'
import { agent, learnManifest } from './join.ts'
import { packReference } from './local-manifest.ts'
import { profileOf, type SystemDependencies } from './local-engine.ts'
import { openModelStore } from './model-store.ts'
import { openReference } from './reference.ts'
import { createScope, type Scope } from './scope.ts'
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
export async function startNode(dependencies: SystemDependencies, options: NodeOptions): Promise<ServingPeer> {
  const scope = createScope()
  try {
    return await start(dependencies, options, scope)
  } catch (error) {
    await scope.close()
    throw error
  }
}

async function start(dependencies: SystemDependencies, options: NodeOptions, scope: Scope): Promise<ServingPeer> {
  const { clock, random, logger } = dependencies
  const { dataFolder, signal } = options
  const reference = options.model === undefined ? null : await openReference(options.model)
  if (reference !== null) scope.onClose(() => reference.source.close())

  const { transport } = await openConnection(dependencies, { keyFolder: dataFolder, listen: options.listen.length === 0 && !options.lan ? ['/ip4/127.0.0.1/tcp/0'] : options.listen, lan: options.lan })
  scope.onClose(() => transport.close())

  const wish = { ...options, reference, role: 'node' as const }
  if (options.join.length === 0 && reference === null) throw new ShoalError('bad-request', 'a new swarm needs a model')
  const packed = options.join.length > 0 ? null : await packReference(reference!, profileOf(reference!, options), options)
  const manifest = packed?.manifest ?? (await learnManifest({ transport, clock, logger }, wish))
  const { config, profile, name } = manifest.manifest
  if (options.blocks !== undefined && options.blocks[1] > config.blockCount) {
    throw new ShoalError('wrong-range', `--blocks ${options.blocks.join(':')} is outside the ${config.blockCount} blocks of ${name}`)
  }
  serveHello(transport, () => ({ agent, role: 'node', manifest: manifest.id, profile: formatProfile(profile), model: name }), logger)

  const store = await openModelStore(dataFolder, manifest, { clock, reference, peers: { transport, candidates: () => transport.connected() }, onProgress: options.onProgress }, packed ?? undefined)
  scope.onClose(() => store.close())
  serveBlobs(transport, store.blobs, logger)

  const device = await createOnnxDevice({ manifest, folder: store.path, threads: options.threads, logger })
  scope.onClose(() => device.close())
  const speed = await calibrateBlock(dependencies, manifest, options.threads, dataFolder)

  const incarnationPath = join(dataFolder, 'incarnation')
  const membership = createMembership(
    { transport, clock, random, logger, nextIncarnation: (atLeast) => Math.max(atLeast, nextIncarnation(incarnationPath)) },
    { ...(options.lan ? membershipProfiles.lan : membershipProfiles.local), document: manifest.id, incarnation: nextIncarnation(incarnationPath) },
  )
  scope.onClose(() => membership.close())

  const view = createSwarmView({ clock, selfId: transport.peerId, manifest, membership })
  const stageHost = createStageHost(
    { transport, clock, logger },
    {
      manifestId: manifest.id,
      profile: formatProfile(profile),
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

  const keeper = createSpanKeeper(
    { clock, logger, selfId: transport.peerId, membership, view, stageHost, device, ensureUnits: (units, ended) => store.ensureUnits(units, ended) },
    { fixed: options.blocks === undefined ? null : { start: options.blocks[0], end: options.blocks[1] }, memoryBytes: options.memoryBytes, onEvent: options.onEvent },
  )
  scope.onClose(() => keeper.stop())
  watchMembers({ transport, membership, logger }, options.onEvent, () => keeper.dropSessions())

  membership.start()
  await membership.announce({
    state: 'joining',
    hardware: { memoryBytes: options.memoryBytes, ...speed, bandwidthBytesPerSecond: 0, device: device.kind, threads: device.threads },
    numericClass: device.numericClass,
    addresses: transport.addresses(),
    version: agent,
  })
  const loads = every(clock, loadIntervalMs, () => membership.setLoad({ sessions: stageHost.sessions(), busyPermille: 0 }), (error) => logger.warn('load-failed', { reason: messageOf(error) }))
  scope.onClose(() => loads.cancel())
  keeper.start()
  await Promise.race([keeper.settled, keeper.failed])
  signal?.throwIfAborted()

  const engine = createLazyEngine({ ...dependencies, transport, manifest, routes: view, device, store })
  scope.onClose(() => engine.close())
  let left: Promise<void> | null = null
  const leave = async (ended: AbortSignal): Promise<void> => {
    options.onEvent({ event: 'draining' })
    stageHost.setDraining(true)
    await membership.announce({ state: 'draining' })
    await stageHost.whenIdle(ended).catch((error: unknown) => logger.warn('drain-cut-short', { reason: messageOf(error), sessions: stageHost.sessions() }))
    await membership.leave()
    await scope.close()
    options.onEvent({ event: 'stopped' })
  }
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
    status: () => view.status(),
    engine: () => engine.get(),
    whenCovered: (ended) => view.whenCovered(ended),
    leave: (ended) => (left ??= leave(ended)),
    close: () => scope.close(),
  }
}
