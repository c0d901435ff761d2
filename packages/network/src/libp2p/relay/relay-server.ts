import {
  circuitRelayServer,
  type CircuitRelayServerComponents as Components,
  type CircuitRelayService as RelayService,
} from '@libp2p/circuit-relay-v2'
import type { Connection, PeerId, Stream } from '@libp2p/interface'
import type { Clock, Logger } from '@shoal/host'
import { limits } from '../../limits.ts'
import { ipOf } from '../address-book.ts'
import { networkOf } from '../connection-gate.ts'
import { paceStream } from './paced-stream.ts'
import { directFirst } from './path.ts'
import { RelayPace } from './relay-pace.ts'

type MakeServer = (components: Components) => RelayService

/** What this package uses of the server beside its interface. */
interface ServerInside {
  onHop(stream: Stream, connection: Connection): Promise<void>
  stopHop(options: StopOptions): Promise<Stream | undefined>
}

interface StopOptions {
  /** To the peer that holds the slot. */
  readonly connection: Connection
}

/** A slot at a relay, by which its holder is reached. */
interface Slots {
  readonly reservations: RelayService['reservations']
}

/** Relays connections of peers that nobody can dial: for whom, for how many, and how fast. */
export class RelayServer {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #all: RelayPace
  /** All peers without a record together, whatever number of keys they have. */
  readonly #strangers: RelayPace
  readonly #byPeer = new Map<string, RelayPace>()
  #service: RelayService | undefined
  #connections: Pick<Components['connectionManager'], 'getConnections'> | undefined
  /** Streams of relayed connections, with the peers that asked for them. */
  readonly #open = new Map<Stream, string>()
  #isKnown: (peer: string) => boolean = () => true

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock
    this.#logger = logger
    this.#all = new RelayPace(limits.relayRate, clock)
    this.#strangers = new RelayPace(limits.relayRateOfPeer, clock)
  }

  /** Which peers are no strangers. Until this is told, nobody is one. */
  prefer(isKnown: (peer: string) => boolean): void {
    this.#isKnown = isKnown
  }

  /** For libp2p: its relay, paced and counted. */
  service(): MakeServer {
    const make = circuitRelayServer({
      maxInboundHopStreams: limits.relayedConnectionsPerPeer + 1,
      maxOutboundStopStreams: limits.relayedConnections,
      reservations: {
        maxReservations: limits.relaySlots,
        reservationTtl: limits.relaySlotMs,
        // Connections would end in mid-answer after its bytes and minutes: the pace bounds them instead.
        applyDefaultLimit: false,
      },
    })
    return (components) => {
      const service = make(components)
      this.#service = service
      this.#connections = components.connectionManager
      this.#pace(service as unknown as ServerInside)
      return service
    }
  }

  /** Whether a peer has a slot here. */
  holds(peer: string): boolean {
    return [...(this.#service?.reservations.keys() ?? [])].some((holder) => holder.toString() === peer)
  }

  /** Whether a slot is refused to a peer: slots are for members, and one network must not take them all. */
  deniesSlot(peer: PeerId): boolean {
    const { reservations } = this.#slots()
    if (reservations.has(peer)) return false
    if (!this.#isKnown(peer.toString())) return true
    const network = networkOf(this.#addressOf(peer) ?? '')
    const others = [...reservations.values()].filter(({ addr }) => networkOf(ipOf(addr) ?? '') === network)
    return others.length >= limits.relaySlotsPerNetwork
  }

  /** A peer without a connection needs its slot no longer, and libp2p would keep it for an hour. */
  disconnected(peer: PeerId): void {
    const reservation = this.#service?.reservations.get(peer)
    this.#byPeer.delete(peer.toString())
    if (reservation === undefined) return
    reservation.signal.clear()
    this.#service?.reservations.delete(peer)
  }

  /** Where a connected peer is. */
  #addressOf(peer: PeerId): string | undefined {
    const connection = this.#connections?.getConnections(peer)[0]
    return connection === undefined ? undefined : ipOf(connection.remoteAddr)
  }

  #slots(): Slots {
    if (this.#service === undefined) throw new Error('the relay has not started')
    return this.#service
  }

  #paceOf(peer: string): RelayPace {
    const known = this.#byPeer.get(peer)
    if (known !== undefined) return known
    const pace = new RelayPace(limits.relayRateOfPeer, this.#clock)
    this.#byPeer.set(peer, pace)
    return pace
  }

  /** Each request opens its stream to the holder of the slot through `stopHop`: from there on both streams are known. */
  #pace(server: ServerInside): void {
    const { onHop, stopHop } = Object.getPrototypeOf(server) as Partial<ServerInside>
    if (onHop === undefined || stopHop === undefined)
      throw new TypeError('the relay of libp2p is not as it was, and would forward without a bound')
    server.onHop = (source, connection) => {
      const request = Object.create(server, {
        stopHop: {
          value: async (options: StopOptions) => {
            if (!this.#mayOpen(connection.remotePeer.toString())) return undefined
            const to = this.#newestTo(options.connection)
            const target = await stopHop.call(server, { ...options, connection: to })
            if (target !== undefined) this.#join(source, target, connection, to)
            return target
          },
        },
      }) as ServerInside
      return onHop.call(request, source, connection)
    }
  }

  /** libp2p takes the oldest connection to the holder of a slot, which may be dead at its other end. */
  #newestTo(given: Connection): Connection {
    const all = this.#connections?.getConnections(given.remotePeer) ?? []
    return all.filter(({ status }) => status === 'open').sort(directFirst)[0] ?? given
  }

  #mayOpen(peer: string): boolean {
    const open = [...this.#open.values()]
    const ofPeer = open.filter((opener) => opener === peer).length
    if (open.length >= limits.relayedConnections || ofPeer >= limits.relayedConnectionsPerPeer) return false
    const ofStrangers = this.#isKnown(peer) ? 0 : open.filter((opener) => !this.#isKnown(opener)).length
    return ofStrangers < limits.relayedConnectionsOfStrangers
  }

  #join(source: Stream, target: Stream, from: Connection, to: Connection): void {
    const opener = from.remotePeer.toString()
    this.#open.set(source, opener)
    this.#logger.debug('relaying', { from: opener, to: to.remotePeer.toString() })
    // What either side sends is charged to the one that asked for the connection, and to that which holds the slot.
    const own = this.#isKnown(opener) ? this.#paceOf(opener) : this.#strangers
    const paces = [this.#all, own, this.#paceOf(to.remotePeer.toString())]
    paceStream(source, target, paces, this.#clock)
    paceStream(target, source, paces, this.#clock)
    source.addEventListener('close', () => this.#open.delete(source))
  }
}
