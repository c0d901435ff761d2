import { noise } from '@chainsafe/libp2p-noise'
import { identify } from '@libp2p/identify'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { silentLogger } from '@shoal/host'
import { createLibp2p } from 'libp2p'
import { describeDirectory } from '../../conformance/directory.ts'
import { signal } from '../../conformance/peers.ts'
import { createLibp2pTransport } from '../create-transport.ts'
import { createPeerKey } from '../keys.ts'
import { dhtProtocol, recordKey, recordNamespace } from './keys.ts'
import { routingTableOf } from './service.ts'

/** A peer that speaks the DHT and checks nothing. */
async function createHostile() {
  const accept = (): void => undefined
  return createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      ping: ping(),
      dht: kadDHT({
        protocol: dhtProtocol,
        clientMode: true,
        allowQueryWithZeroPeers: true,
        peerInfoMapper: passthroughMapper,
        validators: { [recordNamespace]: accept },
        selectors: { [recordNamespace]: () => 0 },
      }),
    },
  })
}

describeDirectory('libp2p', (clock) => {
  let hostile: Awaited<ReturnType<typeof createHostile>> | undefined
  return {
    async create(options) {
      const transport = await createLibp2pTransport({
        privateKey: await createPeerKey(),
        clock,
        logger: silentLogger,
        directory: options,
      })
      if (transport.directory === null) throw new Error('no directory was made')
      return { transport, directory: transport.directory }
    },
    async plant({ transport }, owner, record) {
      hostile ??= await createHostile()
      const { dht } = hostile.services
      await hostile.dial(multiaddr(transport.addresses()[0]))
      const table = routingTableOf(dht)
      if (table.size === 0)
        await new Promise<void>((resolve) => table.addEventListener('peer:add', () => resolve()))
      let taken = false
      for await (const event of dht.put(recordKey(owner), record, { signal: signal() })) {
        const { name, messageName, from } = event as {
          name: string
          messageName?: string
          from?: { toString(): string }
        }
        if (name === 'PEER_RESPONSE' && messageName === 'PUT_VALUE' && String(from) === transport.peerId)
          taken = true
        if (name === 'QUERY_ERROR' && String(from) === transport.peerId) taken = false
      }
      return taken
    },
    close: async () => hostile?.stop(),
  }
})
