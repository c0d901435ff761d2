import type { SystemDependencies } from '@shoal/host'
import { createMembership, membershipProfiles } from '@shoal/membership'
import { formatProfile } from '@shoal/model'
import { createDevice, type Device } from '@shoal/runtime'
import { manifestTopic } from '../directory/topics.ts'
import { sayHello, type HelloSelf } from '../joining/hello.ts'
import { swarmLimits } from '../limits.ts'
import { inScope, type Scope } from '../scope.ts'
import type { Progress, SwarmPeer } from '../types.ts'
import { createSwarmView } from '../view/swarm-view.ts'
import { agent } from '../joining/ask-peer.ts'
import { joinModel } from '../joining/join-model.ts'
import { createLazyEngine } from '../generation/lazy-engine.ts'

export interface ClientOptions {
  /** A local copy of the swarm's model: then embedding and head are not fetched from peers. */
  readonly model?: string | undefined
  readonly weights?: string | undefined
  /** Members of the swarm; or, with `model` or `manifestId`, any Shoal peers: the swarm is then found through them. */
  readonly join: readonly string[]
  /** Join only the swarm of this manifest. */
  readonly manifestId?: string | undefined
  readonly dataFolder: string
  readonly threads: number
  /** How long an answer waits for somebody to take over blocks that nobody holds any more; 30 s when absent. */
  readonly replacementWaitMs?: number | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ClientPeer extends SwarmPeer {
  /** Counts the nodes of this swarm that the directory names, for `status()`. */
  searchDirectory(signal: AbortSignal): Promise<void>
  /** Asks live members what they have fetched, for `status()`; those that do not answer within `signal` stay without a figure. */
  askMembers(signal: AbortSignal): Promise<void>
}

/** Joins as a client: it sees the swarm and coordinates its own generations, but is no member and serves nothing. */
export function connectClient(dependencies: SystemDependencies, options: ClientOptions): Promise<ClientPeer> {
  return inScope((scope) => connect(dependencies, options, scope))
}

async function connect(
  dependencies: SystemDependencies,
  options: ClientOptions,
  scope: Scope,
): Promise<ClientPeer> {
  const { clock, random, logger } = dependencies
  const joined = await joinModel(
    dependencies,
    {
      ...options,
      role: 'client',
      connection: { keyFolder: null, listen: [], lan: false, serveDirectory: false },
    },
    scope,
  )
  const { transport, directory, manifest, store, rates, reputation } = joined

  const membership = createMembership(
    { transport, clock, random, logger, conduct: reputation.neighbours },
    { ...membershipProfiles.local, document: manifest.id, incarnation: 1 },
  )
  scope.onClose(() => membership.close())
  joined.askOnly(() => membership.members().map(({ record }) => record.peerId))
  membership.start()
  const view = createSwarmView({ selfId: transport.peerId, manifest, membership, rates })

  // Who only looks at the swarm starts no compute thread.
  const device = async (): Promise<Device> => {
    const created = await createDevice({
      kind: 'onnx',
      manifest,
      folder: store.path,
      threads: options.threads,
      logger,
    })
    scope.onClose(() => created.close())
    return created
  }
  const engine = createLazyEngine({
    ...dependencies,
    transport,
    manifest,
    routes: view,
    reputation,
    device,
    store,
    replacementWaitMs: options.replacementWaitMs,
  })
  scope.onClose(() => engine.close())

  let providers: number | null = null
  const fetched = new Map<string, number>()
  const self: HelloSelf = {
    agent,
    role: 'client',
    manifest: manifest.id,
    profile: formatProfile(manifest.manifest.profile),
    model: manifest.manifest.name,
  }
  return {
    peerId: transport.peerId,
    addresses: () => transport.addresses(),
    manifest,
    status() {
      const status = view.status()
      const peers = status.peers.map((peer) => ({
        ...peer,
        ...(fetched.has(peer.peer) && { fetchedBytes: fetched.get(peer.peer)! }),
      }))
      return {
        ...status,
        peers,
        transfers: store.transfers(),
        directory: { ...directory.stats(), providers },
      }
    },
    async searchDirectory(signal) {
      await directory.whenReady(signal)
      providers = 0
      for await (const _ of directory.providers(manifestTopic(manifest.id), { signal })) providers += 1
    },
    async askMembers(signal) {
      const alive = membership.members().filter(({ liveness }) => liveness === 'alive')
      await Promise.allSettled(
        alive.slice(0, swarmLimits.statusAsks).map(async ({ record }) => {
          const { fetchedBytes } = await sayHello({ transport, clock }, record.peerId, self, signal)
          if (fetchedBytes !== undefined) fetched.set(record.peerId, fetchedBytes)
        }),
      )
    },
    engine: () => engine.get(),
    whenCovered: (signal) => view.whenCovered(signal),
    whenKnown: (signal) => view.whenKnown(signal),
    leave: () => scope.close(),
    close: () => scope.close(),
  }
}
