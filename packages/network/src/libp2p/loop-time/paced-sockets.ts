import type { MultiaddrConnection } from '@libp2p/interface'
import { payerOf } from '../relay/path.ts'
import { isFunction, isObject } from '../speed-ups/report.ts'
import type { Bytes, PacedReads } from './paced-reads.ts'

/** What brings the bytes of a connection. */
interface Source {
  pause(): void
  resume(): void
}

/** A connection over a socket, or over a stream of a connection to a relay. */
type SourceConnection = MultiaddrConnection & {
  readonly socket?: Source
  readonly stream?: Source
  onData(bytes: Bytes): void
}

const isSource = (value: unknown): value is Source =>
  isObject(value) && isFunction(value['pause']) && isFunction(value['resume'])

function isSourceConnection(value: unknown): value is SourceConnection {
  if (!isObject(value) || !isFunction(value['onData'])) return false
  return isSource(value['socket']) || isSource(value['stream'])
}

/** How to stop reading a connection, and to go on. */
function sourceOf({ socket, stream }: SourceConnection): Source {
  if (socket !== undefined || stream === undefined) return socket ?? noSource
  let paused = false
  return {
    pause() {
      paused = true
      // Inside a message of the stream, `pause` would leave its window opening (docs/network.md).
      queueMicrotask(() => {
        if (paused) ifOpen(() => stream.pause())
      })
    },
    resume() {
      paused = false
      ifOpen(() => stream.resume())
    },
  }
}

const noSource: Source = { pause: () => undefined, resume: () => undefined }

/** A stream that has ended throws; nothing comes of it any more. */
function ifOpen(act: () => void): void {
  try {
    act()
  } catch {
    // It has ended.
  }
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
    if (!isSourceConnection(connection))
      throw new TypeError('libp2p’s connections have no socket or stream to be paced')
    const network = payerOf(connection)
    const source = sourceOf(connection)
    const paced = {
      pause: () => source.pause(),
      resume: () => source.resume(),
      cut: () => connection.abort(new Error('too many bytes of its network wait')),
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
