import { createVirtualClock, seededRandom, silentLogger, type Logger, type VirtualClock } from '@shoal/host'
import { createMemoryNetwork, type MemoryNetwork, type Transport } from '@shoal/network'
import { createMembership, type Membership, type MembershipEvent } from './membership.ts'
import { membershipProfiles, type MembershipOptions } from './options.ts'

/** One peer of a {@link World}. */
export interface Inhabitant {
  readonly name: string
  readonly transport: Transport
  readonly membership: Membership
  readonly events: MembershipEvent[]
}

/** Members of one swarm on a memory network under virtual time: for tests. */
export interface World {
  readonly clock: VirtualClock
  readonly network: MemoryNetwork
  readonly inhabitants: Map<string, Inhabitant>
  /** Joins by dialling `via`; announces a span when `serving`. */
  join(name: string, via?: string, options?: Partial<MembershipOptions> & { readonly silent?: boolean }): Promise<Inhabitant>
  kill(name: string): Promise<void>
  run(durationMs: number): Promise<void>
  /** Runs until it holds. @returns virtual milliseconds it took @throws when it does not hold in time */
  until(holds: () => boolean, withinMs: number): Promise<number>
  alive(observer: string): string[]
  close(): Promise<void>
}

export const swarmName = 'a'.repeat(64)

const hardware = { memoryBytes: 1 << 30, decodeMicrosPerBlock: 1000, prefillMicrosPerRowBlock: 100, bandwidthBytesPerSecond: 100_000_000, device: 'cpu', threads: 1 }

/** Lets everything run that waits for promises only. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 60; turn += 1) await Promise.resolve()
}

export function createWorld(seed: number, latencyMs = 1, logger: Logger = silentLogger): World {
  const timeline = createVirtualClock()
  let ran = 0
  const clock: VirtualClock = {
    ...timeline,
    after: (delayMs, action) =>
      timeline.after(delayMs, () => {
        ran += 1
        action()
      }),
  }
  const network = createMemoryNetwork({ clock, random: seededRandom(seed), latencyMs })
  const inhabitants = new Map<string, Inhabitant>()
  let seeds = seed

  const run = async (durationMs: number): Promise<void> => {
    const endMs = clock.nowMs() + durationMs
    await settle()
    while (clock.nowMs() < endMs) {
      const before = ran
      clock.advance(Math.min(1, endMs - clock.nowMs()))
      if (ran > before) await settle()
    }
  }

  return {
    clock,
    network,
    inhabitants,
    async join(name, via, { silent, ...options } = {}) {
      const transport = network.createTransport(name)
      const membership = createMembership(
        { transport, clock, random: seededRandom((seeds += 7919)), logger: logger.child({ at: name }) },
        { ...membershipProfiles.lan, document: swarmName, incarnation: 1, ...options },
      )
      const inhabitant = { name, transport, membership, events: [] as MembershipEvent[] }
      membership.onEvent((event) => inhabitant.events.push(event))
      inhabitants.set(name, inhabitant)
      membership.start()
      if (silent !== true) await membership.announce({ state: 'serving', span: { start: 0, end: 4 }, hardware, version: 'test', numericClass: 'one' })
      if (via !== undefined) {
        const dialled = transport.dial(`/memory/${via}/p2p/${via}`, { signal: new AbortController().signal })
        await run(4 * latencyMs + 1)
        await dialled
      }
      return inhabitant
    },
    async kill(name) {
      network.kill(name)
      await inhabitants.get(name)?.membership.close()
      inhabitants.delete(name)
    },
    run,
    async until(holds, withinMs) {
      const startMs = clock.nowMs()
      while (!holds()) {
        if (clock.nowMs() - startMs >= withinMs) throw new Error(`it does not hold after ${withinMs} virtual ms (seed ${seed})`)
        await run(1)
      }
      return clock.nowMs() - startMs
    },
    alive(observer) {
      const members = inhabitants.get(observer)?.membership.members() ?? []
      return members.filter(({ liveness }) => liveness === 'alive').map(({ record }) => `${record.peerId}@${record.incarnation}`)
    },
    async close() {
      for (const { membership } of inhabitants.values()) await membership.close()
    },
  }
}
