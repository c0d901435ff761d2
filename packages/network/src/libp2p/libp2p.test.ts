import { silentLogger } from '@shoal/host'
import { describeTransport } from '../conformance.ts'
import { createLibp2pTransport } from './create-transport.ts'
import { createPeerKey } from './keys.ts'

const nobodyKnown = '12D3KooWGRUfJL6mxCi5kC6HDA6vgtx7qAoA5rCBpMw5HdrLZ6m1'

describeTransport('libp2p', (clock) => ({
  createTransport: async () => createLibp2pTransport({ privateKey: await createPeerKey(), clock, logger: silentLogger }),
  // Port 1 is reserved, and nobody uses it.
  nobody: () => `/ip4/127.0.0.1/tcp/1/p2p/${nobodyKnown}`,
}))
