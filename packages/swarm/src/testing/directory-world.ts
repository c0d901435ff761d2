import { createVirtualClock, seededRandom, silentLogger, type Random, type VirtualClock } from '@shoal/host'
import { createMembership, hardwareRules, membershipProfiles, type Membership } from '@shoal/membership'
import { formatProfile, identifyManifest, type IdentifiedManifest } from '@shoal/model'
import { createMemoryNetwork, type Directory, type MemoryNetwork, type Transport } from '@shoal/network'
import { createPublisher, type Publisher } from '../directory/publisher.ts'
import { sayHello, serveHello, type HelloSelf } from '../joining/hello.ts'
import { smallManifest } from './small-model.ts'
import { settle } from './virtual-time.ts'

/** A node of some swarm that takes part in the directory. */
export interface DirectoryInhabitant {
  readonly transport: Transport
  readonly directory: Directory
  readonly membership: Membership
  readonly publisher: Publisher
}

interface NodeOptions {
  readonly bootstrap?: string
  readonly incarnation?: number
}

/** Nodes of several swarms, and peers of none, on a memory network under virtual time. */
export interface DirectoryHabitat {
  readonly clock: VirtualClock
  readonly network: MemoryNetwork
  /** Starts a node of this manifest that knows the address of `bootstrap`. */
  node(name: string, manifest: IdentifiedManifest, options?: NodeOptions): Promise<DirectoryInhabitant>
  /** A peer of no swarm, which only asks the directory; it dials `via`. */
  stranger(name: string, via: string): Promise<Pick<DirectoryInhabitant, 'transport' | 'directory'>>
  /** Ends a node without a goodbye; a node of the same name may be started afterwards. */
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

/** The manifest of another swarm. */
export const otherManifest = (): IdentifiedManifest =>
  identifyManifest({ ...smallManifest().manifest, name: 'other' })

export function createDirectoryHabitat(seed = 1): DirectoryHabitat {
  return new MemoryHabitat(seed)
}

class MemoryHabitat implements DirectoryHabitat {
  readonly clock = createVirtualClock()
  readonly network: MemoryNetwork
  readonly #random: Random
  readonly #nodes = new Map<string, DirectoryInhabitant>()

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    this.network = createMemoryNetwork({ clock: this.clock, random: this.#random, latencyMs: 1 })
  }

  async run(durationMs: number): Promise<void> {
    const endMs = this.clock.nowMs() + durationMs
    await settle()
    while (this.clock.nowMs() < endMs) {
      this.clock.advance(Math.min(endMs - this.clock.nowMs(), 1))
      await settle(30)
    }
  }

  async node(
    name: string,
    manifest: IdentifiedManifest,
    { bootstrap, incarnation = 1 }: NodeOptions = {},
  ): Promise<DirectoryInhabitant> {
    const transport = this.network.createTransport(name)
    const directory = this.network.createDirectory(name, { rules: hardwareRules, serve: true })
    const self = selfOf(manifest)
    const { clock } = this
    serveHello({ transport, clock, logger: silentLogger }, () => self)
    const membership = await this.#announced(transport, manifest, incarnation)
    const greet = async (peer: string, signal: AbortSignal): Promise<void> =>
      void (await sayHello({ transport, clock }, peer, self, signal))
    const publisher = createPublisher(
      {
        directory,
        transport,
        membership,
        manifest,
        clock,
        random: this.#random,
        logger: silentLogger,
        greet,
      },
      { bootstrap: bootstrap === undefined ? [] : [addressOf(bootstrap)] },
    )
    publisher.start()
    const inhabitant = { transport, directory, membership, publisher }
    this.#nodes.set(name, inhabitant)
    await this.run(20)
    return inhabitant
  }

  async stranger(name: string, via: string): Promise<Pick<DirectoryInhabitant, 'transport' | 'directory'>> {
    const transport = this.network.createTransport(name)
    const directory = this.network.createDirectory(name, { rules: hardwareRules, serve: false })
    const dialled = transport.dial(addressOf(via), { signal: new AbortController().signal })
    await this.run(20)
    await dialled
    return { transport, directory }
  }

  async kill(name: string): Promise<void> {
    this.#nodes.get(name)?.publisher.close()
    this.network.kill(name)
    await this.#nodes.get(name)?.membership.close()
    this.#nodes.delete(name)
  }

  async close(): Promise<void> {
    for (const { publisher, membership, transport } of this.#nodes.values()) {
      publisher.close()
      await Promise.all([membership.close(), this.run(10)])
      await transport.close()
    }
  }

  async #announced(
    transport: Transport,
    manifest: IdentifiedManifest,
    incarnation: number,
  ): Promise<Membership> {
    const membership = createMembership(
      { transport, clock: this.clock, random: this.#random, logger: silentLogger },
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
    return membership
  }
}

function selfOf({ id, manifest }: IdentifiedManifest): HelloSelf {
  return {
    agent: 'test',
    role: 'node',
    manifest: id,
    profile: formatProfile(manifest.profile),
    model: manifest.name,
  }
}
