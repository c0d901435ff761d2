import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { networkOfCaller } from './callers.ts'

/** What a connection is for now; the first kind makes way first. */
type Use = 'idle' | 'uploading' | 'answered'

interface Connection {
  readonly network: string
  /** `idle` also while the head of a request is on its way: such a connection costs its owner nothing. */
  use: Use
}

/** Whatever has the place, and can be made to leave it. */
export interface Leavable {
  destroy(): unknown
}

/**
 * Who may stay when all connections of the API's port are taken. Node refuses whoever comes then, so that one address with
 * as many silent connections would shut everybody out. Here the address with the most of them makes way: with the
 * oldest connection that waits for a request, or else with the oldest whose request has not come whole. A connection with
 * an answer under way stays; places for answers are few, and no address has them all.
 */
export class ConnectionPlaces<Place extends Leavable> {
  readonly #most: number
  /** Oldest first. */
  readonly #open = new Map<Place, Connection>()

  constructor(most: number) {
    this.#most = most
  }

  /** A connection was made. Somebody leaves if there are too many: perhaps the newcomer. */
  enter(place: Place, network: string): void {
    this.#open.set(place, { network, use: 'idle' })
    if (this.#open.size <= this.#most) return
    const byNetwork = [...Map.groupBy(this.#open, ([, connection]) => connection.network).values()]
    for (const held of byNetwork.sort((a, b) => b.length - a.length)) {
      const [leaves] = oldestOf(held, 'idle', place) ?? oldestOf(held, 'uploading', place) ?? []
      if (leaves === undefined) continue
      this.#remove(leaves)
      return
    }
    this.#remove(place)
  }

  use(place: Place, use: Use): void {
    const connection = this.#open.get(place)
    if (connection !== undefined) connection.use = use
  }

  leave(place: Place): void {
    this.#open.delete(place)
  }

  #remove(place: Place): void {
    this.#open.delete(place)
    place.destroy()
  }
}

function oldestOf<Place>(
  held: readonly (readonly [Place, Connection])[],
  use: Use,
  except: Place,
): readonly [Place, Connection] | undefined {
  return held.find(([place, connection]) => connection.use === use && place !== except)
}

/** Keeps a server to so many connections. */
export function limitConnections(server: Server, most: number): void {
  const places = new ConnectionPlaces<Socket>(most)
  server.on('connection', (socket: Socket) => {
    places.enter(socket, networkOfCaller(socket.remoteAddress))
    socket.once('close', () => places.leave(socket))
  })
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request
    places.use(socket, request.complete ? 'answered' : 'uploading')
    request.once('end', () => places.use(socket, 'answered'))
    response.once('close', () => places.use(socket, 'idle'))
  })
}
