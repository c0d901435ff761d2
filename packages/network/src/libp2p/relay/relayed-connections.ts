import { circuitRelayTransport, type CircuitRelayTransportComponents } from '@libp2p/circuit-relay-v2'
import type { Connection, PeerId, Stream, Transport } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { messageOf, ShoalError } from '@shoal/host'
import { limits } from '../../limits.ts'
import { watchUpgrader } from '../raw-connections.ts'
import { isFunction, isObject } from '../speed-ups/report.ts'

type MakeRelayed = (components: CircuitRelayTransportComponents) => Transport

/** What this package uses of libp2p's relayed connections beside their interface. */
interface RelayedInside {
  readonly reservationStore: {
    addRelay(peer: PeerId, type: 'discovered'): Promise<unknown>
    hasReservation(peer: PeerId): boolean
  }
  readonly discovery: { start(): unknown; startDiscovery(): unknown }
  onStop(stream: Stream, connection: Connection): Promise<void>
}

function isRelayedInside(made: unknown): made is RelayedInside {
  if (!isObject(made) || !isFunction(made['onStop'])) return false
  const { reservationStore, discovery } = made
  if (!isObject(reservationStore) || !isFunction(reservationStore['addRelay'])) return false
  return isObject(discovery) && isFunction(discovery['start']) && isFunction(discovery['startDiscovery'])
}

/** The parts of libp2p with another upgrader; they are no plain object. */
const withUpgrader = (
  components: CircuitRelayTransportComponents,
  upgrader: CircuitRelayTransportComponents['upgrader'],
): CircuitRelayTransportComponents =>
  new Proxy(components, {
    get: (target, name) => (name === 'upgrader' ? upgrader : (Reflect.get(target, name) as unknown)),
  })

/**
 * Connections through relays, encrypted and admitted from end to end as all others, and this peer's own slots at relays.
 * libp2p would ask every peer for a slot that relays, walk the directory at random to find more of them, and take a slot at
 * any peer that claims to relay to it. Here the layers above choose the relays, and nothing else is done.
 */
export class RelayedConnections {
  #inside: RelayedInside | undefined
  #listen: () => Promise<void> = () => Promise.resolve()
  #listening: Promise<void> | undefined

  /** For libp2p: the transport of relayed addresses. `watch` sees each raw connection, before anything is read from it. */
  transport(watch: (connection: unknown) => void): MakeRelayed {
    return (components) => {
      const upgrader = watchUpgrader(components.upgrader, watch)
      const made = circuitRelayTransport({
        maxInboundStopStreams: limits.relayedConnectionsPerRelay,
        maxOutboundStopStreams: limits.relayedConnectionsPerRelay,
      })(withUpgrader(components, upgrader))
      if (!isRelayedInside(made))
        throw new TypeError('relayed connections of libp2p are not as they were: slots cannot be chosen')
      this.#inside = made
      // One place for each relay, in which the address through it is told.
      const places = Array.from({ length: limits.relaysPerPeer }, () => multiaddr('/p2p-circuit'))
      this.#listen = () => components.transportManager.listen(places)
      made.discovery.start = () => undefined
      made.discovery.startDiscovery = () => undefined
      const onStop = made.onStop.bind(made)
      made.onStop = async (stream, connection) => {
        if (made.reservationStore.hasReservation(connection.remotePeer)) return onStop(stream, connection)
        stream.abort(new Error('this peer has no slot at that relay'))
      }
      return made
    }
  }

  /**
   * Asks a connected peer for a slot. The slot is renewed until the connection ends.
   * @throws {ShoalError} `no-capacity` when it is refused
   */
  async reserve(relay: string): Promise<void> {
    try {
      this.#listening ??= this.#listen()
      await this.#listening
      await this.#inside?.reservationStore.addRelay(peerIdFromString(relay), 'discovered')
    } catch (error) {
      throw new ShoalError('no-capacity', `${relay} gives this peer no slot: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }
}
