import type { VirtualClock } from '@shoal/host'
import { describe } from 'vitest'
import { describeConnections } from './conformance/connections.ts'
import { describeEndings } from './conformance/endings.ts'
import { describeFrames } from './conformance/frames.ts'
import { createPeers, type TransportWorld } from './conformance/peers.ts'

/** What every {@link Transport} must do. */
export function describeTransport(name: string, createWorld: (clock: VirtualClock) => TransportWorld): void {
  describe(`${name} transport`, () => {
    const peers = createPeers(createWorld)
    describeConnections(peers)
    describeFrames(peers)
    describeEndings(peers)
  })
}
