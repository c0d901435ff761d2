/**
 * Encrypted, framed, credit-controlled channels between peers, behind one interface: libp2p, and memory for tests and
 * the simulator. `conformance/` says what both must do.
 *
 * @example
 * const network = createMemoryNetwork({ clock, random: seededRandom(1) })
 * const alice = network.createTransport('alice')
 * const bob = network.createTransport('bob')
 * bob.handle('/echo/1', (channel) => channel.onFrame((frame) => channel.send(frame)))
 * const peerId = await alice.dial(bob.addresses()[0]!, { signal })
 * const channel = await alice.open(peerId, '/echo/1', { signal })
 */
export type { Admission, AdmissionAnswer, OpenDoor, PeerStanding } from './admission/admission.ts'
export { mayOpen } from './admission/role-table.ts'
export { standingOf } from './admission/standings.ts'
export type {
  Directory,
  DirectoryOptions,
  DirectoryStats,
  Provider,
  RecordOrder,
  RecordRules,
} from './directory/directory.ts'
export { RefusedDial } from './errors.ts'
export { createLibp2pTransport, type Libp2pTransportOptions } from './libp2p/create-transport.ts'
export {
  createPeerKey,
  peerIdOfKey,
  peerIdOfRawKey,
  rawKeyOf,
  signerOf,
  verifySignature,
  verifyWithKey,
} from './libp2p/keys.ts'
export type { Libp2pTransport } from './libp2p/transport-parts.ts'
export { whyNoPunching } from './libp2p/punch/library.ts'
export { bridgeAddresses } from './libp2p/relay/interfaces.ts'
export { relaysIn } from './libp2p/relay/path.ts'
export { announcedAddresses, isRelayed, placeOfNetwork, reachOf, type Reach } from './libp2p/relay/reach.ts'
export { limits as networkLimits } from './limits.ts'
export type { FrameTap, TappedFrame } from './memory/connection.ts'
export type { LinkShape } from './memory/link-shape.ts'
export { createMemoryNetwork, type MemoryNetwork, type MemoryNetworkOptions } from './memory/network.ts'
export { PortMapping, type PortMappingStatus } from './port-mapping/port-mapping.ts'
export { lookForRouter, type FoundRouter } from './port-mapping/look-for-router.ts'
export { placeToMap } from './port-mapping/place-to-map.ts'
export { withSelf } from './self.ts'
export type { Channel, DirectPlace, PeerPath, Transport, TriedAddress } from './transport.ts'
