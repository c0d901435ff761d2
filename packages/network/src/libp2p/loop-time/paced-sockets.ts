import type { MultiaddrConnection } from '@libp2p/interface'
import { ipOf } from '../address-book.ts'
import { accountOf } from '../connection-gate.ts'
import { isFunction, isObject } from '../speed-ups/report.ts'
import type { PacedReads } from './paced-reads.ts'

interface SocketConnection extends MultiaddrConnection {
  readonly socket: { pause(): void; resume(): void }
  onData(bytes: Uint8Array): void
}

function isSocketConnection(value: unknown): value is SocketConnection {
  if (!isObject(value) || !isFunction(value['onData'])) return false
  const { socket } = value
  return isObject(socket) && isFunction(socket['pause']) && isFunction(socket['resume'])
}

/** Which connections are strangers', and who pays for what they bring. */
export class PacedSockets {
  readonly #reads: PacedReads
  readonly #peers = new WeakMap<object, string>()
  #isKnown: (peer: string) => boolean = () => false

  constructor(reads: PacedReads) {
    this.#reads = reads
  }

  /** Which peers are no strangers. */
  prefer(isKnown: (peer: string) => boolean): void {
    this.#isKnown = isKnown
  }

  /** The peer at the other end of a connection is authenticated. */
  authenticated(connection: object, peer: string): void {
    this.#peers.set(connection, peer)
  }

  /** @throws {TypeError} when connections of libp2p are not as they were: an unbounded reader must not go unnoticed */
  watch(connection: unknown): void {
    if (!isSocketConnection(connection))
      throw new TypeError('libp2p’s connections have no socket to be paced')
    const network = accountOf(ipOf(connection.remoteAddr) ?? '')
    const { socket } = connection
    const paced = {
      pause: () => socket.pause(),
      resume: () => socket.resume(),
      deliver: connection.onData.bind(connection),
    }
    // Accepting it takes time as well.
    this.#reads.began(network)
    connection.onData = (bytes) => {
      const peer = this.#peers.get(connection)
      const account = peer !== undefined && this.#isKnown(peer) ? null : network
      this.#reads.arrived(account, paced, bytes)
    }
    if (network !== null)
      connection.addEventListener('close', () => this.#reads.ended(network, paced), { once: true })
  }
}
