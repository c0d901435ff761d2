/**
 * One peer of `shoal bench relay`, in a process of its own: `relay`, `open` that anybody can dial, or `hidden ADDRESS` that
 * is reached through the relay at that address only.
 */
import { silentLogger } from '@shoal/host'
import { exitWithParent, systemClock } from '@shoal/host/node'
import { createLibp2pTransport, createPeerKey } from '@shoal/network'
import { echoProtocol, loopbackPunch, sinkProtocol, type PeerPlace } from './places.ts'

exitWithParent()
const [kind, relay] = process.argv.slice(2)
const transport = await createLibp2pTransport({
  privateKey: await createPeerKey(),
  clock: systemClock,
  logger: silentLogger,
  relay: kind === 'relay',
  punch: loopbackPunch,
  ...(kind === 'hidden' && { listen: [] }),
})
transport.handle(echoProtocol, (channel) => channel.onFrame((frame) => channel.send(frame)))
transport.handle(sinkProtocol, (channel) =>
  channel.onFrame((frame) => (frame.byteLength === 1 ? channel.send(frame) : undefined)),
)
if (relay !== undefined)
  await transport.reserve?.(await transport.dial(relay, { signal: AbortSignal.timeout(20_000) }))
const place: PeerPlace = { peer: transport.peerId, address: transport.addresses()[0] ?? '' }
process.send?.(place)
