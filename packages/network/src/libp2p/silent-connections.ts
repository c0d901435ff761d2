import type { Connection, Libp2p } from '@libp2p/interface'
import { messageOf, ShoalError, timeLimit, type Clock, type Logger } from '@shoal/host'
import { limits } from '../limits.ts'
import { measureRoundTrip } from './ping.ts'
import { isObject } from './speed-ups/report.ts'

/** What this file needs of a libp2p node. */
export type ConnectedNode = Pick<Libp2p, 'getConnections' | 'addEventListener'>

/** Whether the other end of a connection answers. @throws {Error} when it does not, or with the signal */
export type Ask = (connection: Connection, signal: AbortSignal) => Promise<unknown>

/**
 * Ends connections that are dead at their other end. A peer that has moved to another address, or whose router has, cannot
 * say so on its old connection; it connects anew, and the old one would stay open here for the minutes in which the
 * operating system sends again. Everything on it would wait. So each further connection of a peer makes this node ask on
 * the older ones: when the peer answers on the new one, and nothing at all comes on an older one, that is reset.
 */
export class SilentConnections {
  readonly #node: ConnectedNode
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #ask: Ask
  /** Those that are being asked. */
  readonly #asked = new Set<Connection>()

  constructor(
    node: ConnectedNode,
    clock: Clock,
    logger: Logger,
    ask: Ask = (connection, signal) => measureRoundTrip(connection, clock, signal),
  ) {
    this.#node = node
    this.#clock = clock
    this.#logger = logger
    this.#ask = ask
  }

  /** Looks at each connection that opens from now on. */
  listen(): void {
    this.#node.addEventListener('connection:open', ({ detail }) => this.#opened(detail))
  }

  #opened(newer: Connection): void {
    for (const older of this.#node.getConnections(newer.remotePeer)) {
      if (older === newer || older.status !== 'open' || this.#asked.has(older)) continue
      this.#check(older, newer).catch((error: unknown) =>
        this.#logger.warn('silent-connections-failed', { reason: messageOf(error) }),
      )
    }
  }

  async #check(older: Connection, newer: Connection): Promise<void> {
    this.#asked.add(older)
    try {
      if (!(await this.#isSilent(older, newer))) return
      const peer = older.remotePeer.toString()
      this.#logger.info('silent-connection', { peer, address: older.remoteAddr.toString() })
      older.abort(new ShoalError('peer-vanished', `${peer} has connected anew, and is silent here`))
    } finally {
      this.#asked.delete(older)
    }
  }

  async #isSilent(older: Connection, newer: Connection): Promise<boolean> {
    // A peer that answers on neither is busy, or lost: that is for others to find out.
    if ((await this.#asking(newer)) !== 'answered') return false
    const heardBytes = bytesReadOn(older)
    // Twice: a time that this node itself stood still looks like silence, but only once.
    for (let time = 0; time < 2; time += 1) if ((await this.#asking(older)) !== 'silent') return false
    // An answer may wait behind a transfer on a slow link; then at least something else has come.
    return older.status === 'open' && bytesReadOn(older) === heardBytes
  }

  async #asking(connection: Connection): Promise<'answered' | 'refused' | 'silent'> {
    const limit = timeLimit(
      this.#clock,
      limits.silentConnectionMs,
      () => new ShoalError('deadline-passed', 'no answer on this connection'),
    )
    try {
      await this.#ask(connection, limit.signal)
      return 'answered'
    } catch (error) {
      const peer = connection.remotePeer.toString()
      this.#logger.debug('connection-unanswered', { peer, reason: messageOf(error) })
      return limit.signal.aborted ? 'silent' : 'refused'
    } finally {
      limit.clear()
    }
  }
}

/** Bytes that have come on the socket of a connection; undefined where libp2p hides it, as for a relayed connection. */
export function bytesReadOn(connection: Connection): number | undefined {
  const raw: unknown = (connection as { readonly maConn?: unknown }).maConn
  const socket: unknown = isObject(raw) ? raw['socket'] : undefined
  const bytes: unknown = isObject(socket) ? socket['bytesRead'] : undefined
  return typeof bytes === 'number' ? bytes : undefined
}
