import type { VirtualClock } from '@shoal/host'
import { describe } from 'vitest'
import { describeConnections } from './connections.ts'
import { describeEndings } from './endings.ts'
import { describeFrames } from './frames.ts'
import { createPeers, type TransportWorld } from './peers.ts'

/** What every {@link Transport} must do. */
export function describeTransport(name: string, createWorld: (clock: VirtualClock) => TransportWorld): void {
  describe(`${name} transport`, () => {
    const peers = createPeers(createWorld)
    describeConnections(peers)
    describeFrames(peers)
    describeEndings(peers)
  })
}
