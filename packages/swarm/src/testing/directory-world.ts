import { createVirtualClock, seededRandom, silentLogger, type VirtualClock } from '@shoal/host'
import { createMembership, hardwareRules, membershipProfiles, type Membership } from '@shoal/membership'
import { formatProfile, identifyManifest, type IdentifiedManifest } from '@shoal/model'
import { createMemoryNetwork, type Directory, type MemoryNetwork, type Transport } from '@shoal/network'
import { createPublisher, type Publisher } from '../directory/publisher.ts'
import { sayHello, serveHello } from '../joining/hello.ts'
import { smallManifest } from './small-model.ts'
import { settle } from './small-swarm.ts'

/** A peer of the directory; `node` when it serves in a swarm. */
export interface DirectoryInhabitant {
  readonly transport: Transport
  readonly directory: Directory
  readonly membership: Membership
  readonly publisher: Publisher
}

/** Nodes of several swarms, and strangers, on a memory network under virtual time. */
export interface DirectoryHabitat {
  readonly clock: VirtualClock
  readonly network: MemoryNetwork
  /** A node of a manifest that knows one address of anybody. */
  node(
    name: string,
    manifest: IdentifiedManifest,
    options?: { readonly bootstrap?: string; readonly incarnation?: number },
  ): Promise<DirectoryInhabitant>
  /** Somebody who asks only. */
  stranger(name: string, via: string): Promise<Pick<DirectoryInhabitant, 'transport' | 'directory'>>
  /** A restart of the same name may follow. */
  kill(name: string): Promise<void>
  run(durationMs: number): Promise<void>
  close(): Promise<void>
}

export const addressOf = (name: string): string => `/memory/${name}/p2p/${name}`
const hardware = {
  memoryBytes: 1 << 30,
  decodeMicrosPerBlock: 1000,
  prefillMicrosPerRowBlock: 100,
  bandwidthBytesPerSecond: 0,
  device: 'cpu',
  threads: 1,
}

/** Another model, for a swarm that has nothing to do with the first. */
export const otherManifest = (): IdentifiedManifest =>
  identifyManifest({ ...smallManifest().manifest, name: 'other' })

export function createDirectoryHabitat(seed = 1): DirectoryHabitat {
  const clock = createVirtualClock()
  const random = seededRandom(seed)
  const network = createMemoryNetwork({ clock, random, latencyMs: 1 })
  const nodes = new Map<string, DirectoryInhabitant>()

  const run = async (durationMs: number): Promise<void> => {
    const endMs = clock.nowMs() + durationMs
    await settle()
    while (clock.nowMs() < endMs) {
      clock.advance(Math.min(endMs - clock.nowMs(), 1))
      await settle(30)
    }
  }
  const finished = async (promise: Promise<unknown>): Promise<void> => {
    await run(20)
    await promise
  }

  return {
    clock,
    network,
    run,
    async node(name, manifest, { bootstrap, incarnation = 1 } = {}) {
      const transport = network.createTransport(name)
      const directory = network.createDirectory(name, { rules: hardwareRules, serve: true })
      const { profile, name: model } = manifest.manifest
      const self = {
        agent: 'test',
        role: 'node' as const,
        manifest: manifest.id,
        profile: formatProfile(profile),
        model,
      }
      serveHello({ transport, clock, logger: silentLogger }, () => self)
      const membership = createMembership(
        { transport, clock, random, logger: silentLogger },
        { ...membershipProfiles.local, document: manifest.id, incarnation },
      )
      membership.start()
      await membership.announce({
        state: 'joining',
        hardware,
        numericClass: 'fake',
        version: 'test',
        addresses: transport.addresses(),
      })
      const greet = async (peer: string, signal: AbortSignal): Promise<void> =>
        void (await sayHello({ transport, clock }, peer, self, signal))
      const publisher = createPublisher(
        { directory, transport, membership, manifest, clock, random, logger: silentLogger, greet },
        { bootstrap: bootstrap === undefined ? [] : [addressOf(bootstrap)] },
      )
      publisher.start()
      const inhabitant = { transport, directory, membership, publisher }
      nodes.set(name, inhabitant)
      await run(20)
      return inhabitant
    },
    async stranger(name, via) {
      const transport = network.createTransport(name)
      const directory = network.createDirectory(name, { rules: hardwareRules, serve: false })
      await finished(transport.dial(addressOf(via), { signal: new AbortController().signal }))
      return { transport, directory }
    },
    async kill(name) {
      nodes.get(name)?.publisher.close()
      network.kill(name)
      await nodes.get(name)?.membership.close()
      nodes.delete(name)
    },
    async close() {
      for (const { publisher, membership, transport } of nodes.values()) {
        publisher.close()
        await Promise.all([membership.close(), run(10)])
        await transport.close()
      }
    },
  }
}
