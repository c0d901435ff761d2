import { createMembership, membershipProfiles } from '@shoal/membership'
import { formatProfile } from '@shoal/model'
import { createOnnxDevice } from '@shoal/runtime'
import { serveHello } from '../hello.ts'
import type { Progress, SwarmPeer } from '../types.ts'
import { createSwarmView } from '../view.ts'
import { openConnection } from './connection.ts'
import { agent, learnManifest } from './join.ts'
import { createLazyEngine } from './lazy-engine.ts'
import type { SystemDependencies } from './local-engine.ts'
import { openModelStore } from './model-store.ts'
import { openReference } from './reference.ts'
import { createScope, type Scope } from './scope.ts'

export interface ClientOptions {
  /** A local copy of the swarm's model: then embedding and head are not fetched from peers. */
  readonly model?: string | undefined
  readonly weights?: string | undefined
  readonly join: readonly string[]
  readonly dataFolder: string
  readonly threads: number
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** Joins as a client: it sees the swarm and coordinates its own generations, but is no member and serves nothing. */
export async function connectClient(dependencies: SystemDependencies, options: ClientOptions): Promise<SwarmPeer> {
  const scope = createScope()
  try {
    return await connect(dependencies, options, scope)
  } catch (error) {
    await scope.close()
    throw error
  }
}

async function connect(dependencies: SystemDependencies, options: ClientOptions, scope: Scope): Promise<SwarmPeer> {
  const { clock, random, logger } = dependencies
  const reference = options.model === undefined ? null : await openReference(options.model)
  if (reference !== null) scope.onClose(() => reference.source.close())
  const { transport } = await openConnection(dependencies, { keyFolder: null, listen: [], lan: false })
  scope.onClose(() => transport.close())

  const manifest = await learnManifest({ transport, clock, logger }, { ...options, reference, role: 'client' })
  const { profile, name } = manifest.manifest
  serveHello(transport, () => ({ agent, role: 'client', manifest: manifest.id, profile: formatProfile(profile), model: name }), logger)
  const store = await openModelStore(options.dataFolder, manifest, { clock, reference, peers: { transport, candidates: () => transport.connected() }, onProgress: options.onProgress })
  scope.onClose(() => store.close())

  const membership = createMembership({ transport, clock, random, logger }, { ...membershipProfiles.local, document: manifest.id, incarnation: 1 })
  scope.onClose(() => membership.close())
  membership.start()
  const view = createSwarmView({ clock, selfId: transport.peerId, manifest, membership })

  const device = await createOnnxDevice({ manifest, folder: store.path, threads: options.threads, logger })
  scope.onClose(() => device.close())
  const engine = createLazyEngine({ ...dependencies, transport, manifest, routes: view, device, store })
  scope.onClose(() => engine.close())

  return {
    peerId: transport.peerId,
    addresses: () => transport.addresses(),
    manifest,
    status: () => view.status(),
    engine: () => engine.get(),
    whenCovered: (signal) => view.whenCovered(signal),
    leave: () => scope.close(),
    close: () => scope.close(),
  }
}
