import {
  createVirtualClock,
  seededRandom,
  silentLogger,
  type Clock,
  type Logger,
  type Random,
  type VirtualClock,
} from '@shoal/host'
import { createMemoryNetwork, type MemoryNetwork, type Transport } from '@shoal/network'
import { createMembership, type Membership, type MembershipEvent } from '../membership.ts'
import { membershipProfiles, type MembershipOptions } from '../options.ts'

/** One peer of a {@link World}. */
export interface Inhabitant {
  readonly name: string
  readonly transport: Transport
  readonly membership: Membership
  readonly events: MembershipEvent[]
}

/** Members of one swarm on a memory network under virtual time: for tests and simulations. */
export interface World {
  readonly clock: VirtualClock
  /** Of the script that is played on it; the peers have their own. */
  readonly random: Random
  readonly network: MemoryNetwork
  readonly inhabitants: Map<string, Inhabitant>
  /** Joins by dialling `via`; announces a span when `serving`. */
  join(
    name: string,
    via?: string,
    options?: Partial<MembershipOptions> & { readonly silent?: boolean },
  ): Promise<Inhabitant>
  kill(name: string): Promise<void>
  /** Stops a peer's process as SIGSTOP does: its timers wait, and so do losses of connections. Its links are the caller's to stop. */
  freeze(name: string): void
  /** What came due meanwhile runs a millisecond later: an event loop that wakes reads its sockets before it runs timers. */
  thaw(name: string): void
  run(durationMs: number): Promise<void>
  /** Runs until it holds. @returns virtual milliseconds it took @throws when it does not hold in time */
  until(holds: () => boolean, withinMs: number): Promise<number>
  alive(observer: string): string[]
  close(): Promise<void>
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

/** Lets everything run that waits for promises only. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 60; turn += 1) await Promise.resolve()
}

export function createWorld(seed: number, latencyMs = 1, logger: Logger = silentLogger): World {
  const timeline = createVirtualClock()
  /** When something is due, as far as known: a time whose timers were cancelled costs one empty turn. */
  const dueTimes = new Set<number>()
  const clock: VirtualClock = {
    ...timeline,
    after(delayMs, action) {
      dueTimes.add(timeline.nowMs() + Math.max(0, delayMs))
      return timeline.after(delayMs, action)
    },
  }
  const network = createMemoryNetwork({ clock, random: seededRandom(seed), latencyMs })
  const inhabitants = new Map<string, Inhabitant>()
  const frozen = new Map<string, (() => void)[]>()
  let seeds = seed

  /** Now, or when the peer goes on. */
  const inTurn = (name: string, action: () => void): void => {
    const waiting = frozen.get(name)
    if (waiting === undefined) action()
    else waiting.push(action)
  }

  /** A peer's own clock: it stands with its owner. */
  const clockOf = (name: string): Clock => ({
    ...clock,
    after(delayMs, action) {
      let cancelled = false
      const run = (): void => {
        if (!cancelled) action()
      }
      const timer = clock.after(delayMs, () => inTurn(name, run))
      return {
        cancel() {
          cancelled = true
          timer.cancel()
        },
      }
    },
  })

  /** A stopped process hears of no loss. Frames wait in its links, which are stopped. */
  const transportOf = (name: string): Transport => {
    const transport = network.createTransport(name)
    const onDisconnect = transport.onDisconnect.bind(transport)
    return Object.assign(transport, {
      onDisconnect: (listener: (peer: string) => void) =>
        onDisconnect((peer) => inTurn(name, () => listener(peer))),
    })
  }

  const run = async (durationMs: number): Promise<void> => {
    const endMs = clock.nowMs() + durationMs
    await settle()
    while (clock.nowMs() < endMs) {
      let nextMs = endMs
      for (const dueMs of dueTimes) {
        if (dueMs <= clock.nowMs()) dueTimes.delete(dueMs)
        else if (dueMs < nextMs) nextMs = dueMs
      }
      clock.advance(nextMs - clock.nowMs())
      await settle()
    }
  }

  return {
    clock,
    random: seededRandom(~seed),
    network,
    inhabitants,
    async join(name, via, { silent, ...options } = {}) {
      const transport = transportOf(name)
      const membership = createMembership(
        {
          transport,
          clock: clockOf(name),
          random: seededRandom((seeds += 7919)),
          logger: logger.child({ at: name }),
        },
        { ...membershipProfiles.lan, document: swarmName, incarnation: 1, ...options },
      )
      const inhabitant = { name, transport, membership, events: [] as MembershipEvent[] }
      membership.onEvent((event) => inhabitant.events.push(event))
      inhabitants.set(name, inhabitant)
      membership.start()
      if (silent !== true)
        await membership.announce({
          state: 'serving',
          span: { start: 0, end: 4 },
          hardware,
          version: 'test',
          numericClass: 'one',
        })
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
      frozen.delete(name)
    },
    freeze(name) {
      // A list of its own: one that is waking stays asleep.
      frozen.set(name, [...(frozen.get(name) ?? [])])
    },
    thaw(name) {
      const waiting = frozen.get(name)
      clock.after(1, () => {
        if (waiting === undefined || frozen.get(name) !== waiting) return
        frozen.delete(name)
        for (const action of waiting) action()
      })
    },
    run,
    async until(holds, withinMs) {
      const startMs = clock.nowMs()
      while (!holds()) {
        if (clock.nowMs() - startMs >= withinMs)
          throw new Error(`it does not hold after ${withinMs} virtual ms (seed ${seed})`)
        await run(1)
      }
      return clock.nowMs() - startMs
    },
    alive(observer) {
      const members = inhabitants.get(observer)?.membership.members() ?? []
      return members
        .filter(({ liveness }) => liveness === 'alive')
        .map(({ record }) => `${record.peerId}@${record.incarnation}`)
    },
    async close() {
      for (const { membership } of inhabitants.values()) await membership.close()
    },
  }
}
