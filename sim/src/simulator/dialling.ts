import type { Clock, Random } from '@shoal/host'
import type { Transport } from '@shoal/network'
import type { SimulatedClient } from './client.ts'
import type { LinkTable } from './link-table.ts'
import type { SimulatedNode } from './node.ts'

/** Decides which peers dial which, in place of the addresses that a user gives to a real process. */
export interface Dialling {
  /** Dials a random node that runs and can be reached, in the background. */
  dialSomebody(transport: Transport): void
  /** Dials every node that runs, or `most` of them. */
  meet(transport: Transport, most?: number): void
  /** Lets peers without a connection dial again every second, as programs with known addresses do. */
  keepConnected(): void
}

export interface DiallingDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly links: LinkTable
  readonly nodes: ReadonlyMap<string, SimulatedNode>
  readonly clients: ReadonlyMap<string, SimulatedClient>
}

const redialMs = 1000
const dialTimeoutMs = 2000

export function createDialling({ clock, random, links, nodes, clients }: DiallingDependencies): Dialling {
  const reachable = (peer: string): string[] =>
    [...nodes.keys()].filter((name) => name !== peer && links.isOpen(name, peer))
  const dial = (transport: Transport, other: string): void => {
    const ending = new AbortController()
    const timer = clock.after(dialTimeoutMs, () => ending.abort(new Error('no answer')))
    transport.dial(`/memory/${other}/p2p/${other}`, { signal: ending.signal }).then(
      () => timer.cancel(),
      () => timer.cancel(),
    )
  }
  const dialSomebody = (transport: Transport): void => {
    const others = reachable(transport.peerId)
    const other = others[Math.floor(random.unit() * others.length)]
    if (other !== undefined) dial(transport, other)
  }
  const keepConnected = (): void => {
    clock.after(redialMs, keepConnected)
    for (const { life, transport } of [...nodes.values(), ...clients.values()])
      if (life.state === 'running' && transport.connected().length === 0) dialSomebody(transport)
  }
  return {
    dialSomebody,
    meet(transport, most) {
      const others = reachable(transport.peerId)
      // Random numbers are drawn only where there is a choice, so that a limit that does not bind changes no run.
      while (most !== undefined && others.length > most)
        others.splice(Math.floor(random.unit() * others.length), 1)
      for (const other of others) dial(transport, other)
    },
    keepConnected,
  }
}
