import { seededRandom, silentLogger, type Logger, type Random, type VirtualClock } from '@shoal/host'
import { createMemoryNetwork, type MemoryNetwork, type Transport } from '@shoal/network'
import { createMembership } from '../membership.ts'
import { membershipProfiles, type MembershipOptions } from '../options.ts'
import type { Membership, MembershipEvent } from '../types.ts'
import { createEventTimeline, type EventTimeline } from './event-timeline.ts'
import { createStoppedProcesses, type StoppedProcesses } from './stopped-processes.ts'

/** One peer of a {@link World}. */
export interface Inhabitant {
  readonly name: string
  readonly transport: Transport
  readonly membership: Membership
  readonly events: MembershipEvent[]
}

export type InhabitantOptions = Partial<MembershipOptions> & {
  /** The peer announces nothing, as a client does. */
  readonly silent?: boolean
  /** Changes the transport before membership gets it: what a hostile peer does. */
  readonly tamper?: (transport: Transport) => void
}

export const swarmName = 'a'.repeat(64)

const hardware = {
  memoryBytes: 1 << 30,
  decodeMicrosPerBlock: 1000,
  prefillMicrosPerRowBlock: 100,
  bandwidthBytesPerSecond: 100_000_000,
  device: 'cpu',
  threads: 1,
}

export function createWorld(seed: number, latencyMs = 1, logger: Logger = silentLogger): World {
  return new World(seed, latencyMs, logger)
}

/** Longer than any wait of a member that closes. */
const closeMsMost = 60_000

/** Members of one swarm on a memory network under virtual time: for tests and simulations. */
export class World {
  /** Randomness for the test or simulation that drives the world. Each peer has randomness of its own. */
  readonly random: Random
  readonly network: MemoryNetwork
  readonly inhabitants = new Map<string, Inhabitant>()
  readonly #seed: number
  readonly #latencyMs: number
  readonly #logger: Logger
  readonly #timeline: EventTimeline = createEventTimeline()
  readonly #processes: StoppedProcesses
  #peerSeed: number

  constructor(seed: number, latencyMs: number, logger: Logger) {
    this.#seed = seed
    this.#peerSeed = seed
    this.#latencyMs = latencyMs
    this.#logger = logger
    this.random = seededRandom(~seed)
    this.network = createMemoryNetwork({ clock: this.clock, random: seededRandom(seed), latencyMs })
    this.#processes = createStoppedProcesses(this.clock)
  }

  get clock(): VirtualClock {
    return this.#timeline.clock
  }

  /** Starts a peer that joins by dialling `via`; it announces a span unless it is silent. */
  async join(
    name: string,
    via?: string,
    { silent = false, tamper, ...options }: InhabitantOptions = {},
  ): Promise<Inhabitant> {
    const inhabitant = this.#create(name, options, tamper)
    const { transport, membership } = inhabitant
    membership.start()
    if (!silent)
      await membership.announce({
        state: 'serving',
        span: { start: 0, end: 4 },
        hardware,
        version: 'test',
        numericClass: 'one',
      })
    if (via !== undefined) {
      const dialled = transport.dial(`/memory/${via}/p2p/${via}`, { signal: new AbortController().signal })
      await this.run(4 * this.#latencyMs + 1)
      await dialled
    }
    return inhabitant
  }

  async kill(name: string): Promise<void> {
    this.network.kill(name)
    await this.inhabitants.get(name)?.membership.close()
    this.inhabitants.delete(name)
    this.#processes.forget(name)
  }

  /** Stops a peer's process as SIGSTOP does. Its links are the caller's to stop. */
  freeze(name: string): void {
    this.#processes.freeze(name)
  }

  /** Lets a stopped peer go on. */
  thaw(name: string): void {
    this.#processes.thaw(name)
  }

  run(durationMs: number): Promise<void> {
    return this.#timeline.run(durationMs)
  }

  /**
   * Runs until `holds` is true.
   * @returns virtual milliseconds that it took
   * @throws {Error} when that takes longer than `withinMs`
   */
  async until(holds: () => boolean, withinMs: number): Promise<number> {
    const startMs = this.clock.nowMs()
    while (!holds()) {
      if (this.clock.nowMs() - startMs >= withinMs)
        throw new Error(`the condition does not hold after ${withinMs} virtual ms (seed ${this.#seed})`)
      await this.run(1)
    }
    return this.clock.nowMs() - startMs
  }

  /** Peers that an observer holds alive, as `name@incarnation`. */
  alive(observer: string): string[] {
    const members = this.inhabitants.get(observer)?.membership.members() ?? []
    return members
      .filter(({ liveness }) => liveness === 'alive')
      .map(({ record }) => `${record.peerId}@${record.incarnation}`)
  }

  /** Time goes on meanwhile, because a member that closes may wait for a channel whose frames are still under way. */
  async close(): Promise<void> {
    let open = this.inhabitants.size
    const closing = [...this.inhabitants.values()].map(async ({ membership }) => {
      await membership.close()
      open -= 1
    })
    for (let ms = 0; open > 0 && ms < closeMsMost; ms += 100) await this.run(100)
    if (open > 0) throw new Error(`${open} members have not closed after ${closeMsMost} ms`)
    await Promise.all(closing)
  }

  #create(
    name: string,
    options: Partial<MembershipOptions>,
    tamper: InhabitantOptions['tamper'],
  ): Inhabitant {
    const transport = this.#processes.hold(name, this.network.createTransport(name))
    tamper?.(transport)
    const membership = createMembership(
      {
        transport,
        clock: this.#processes.clockOf(name),
        random: seededRandom((this.#peerSeed += 7919)),
        logger: this.#logger.child({ at: name }),
      },
      { ...membershipProfiles.lan, document: swarmName, incarnation: 1, ...options },
    )
    const inhabitant: Inhabitant = { name, transport, membership, events: [] }
    membership.onEvent((event) => inhabitant.events.push(event))
    this.inhabitants.set(name, inhabitant)
    return inhabitant
  }
}
