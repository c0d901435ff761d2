import { every, messageOf, type Clock, type Logger, type Timer } from '@shoal/host'
import { limits } from '../limits.ts'
import { isFunction, isObject } from './speed-ups/report.ts'

/** A connection over a socket, as far as this file looks at it. */
interface BoundConnection {
  readonly socket: { readonly localAddress?: string }
  abort(error: Error): void
  addEventListener(type: 'close', listener: () => void, options: { once: true }): void
}

function isBoundConnection(value: unknown): value is BoundConnection {
  if (!isObject(value) || !isFunction(value['abort']) || !isFunction(value['addEventListener'])) return false
  return isObject(value['socket'])
}

/**
 * Ends connections whose own end has lost its address: the machine has woken in another network, or the router has given
 * it another address. No packet ever reaches such a socket again, and the operating system keeps it for minutes, so that
 * everything that is sent on it would wait instead of taking a new connection.
 */
export class LostAddresses {
  readonly #addresses: () => readonly string[]
  readonly #bound = new Map<BoundConnection, string>()

  /** @param addresses those that the interfaces of this machine have now */
  constructor(addresses: () => readonly string[]) {
    this.#addresses = addresses
  }

  /** Sees a raw connection; one without a socket depends on another connection that has one. */
  watch(connection: unknown): void {
    if (!isBoundConnection(connection)) return
    const { localAddress } = connection.socket
    if (localAddress === undefined) return
    this.#bound.set(connection, plain(localAddress))
    connection.addEventListener('close', () => this.#bound.delete(connection), { once: true })
  }

  /** Looks every few seconds. */
  start(clock: Clock, logger: Logger): Timer {
    const turn = (): void => {
      const ended = this.turn()
      if (ended > 0) logger.info('address-lost', { connections: ended })
    }
    return every(clock, limits.lostAddressTurnMs, turn, (error) =>
      logger.warn('lost-addresses-failed', { reason: messageOf(error) }),
    )
  }

  /** @returns how many connections have been ended */
  turn(): number {
    if (this.#bound.size === 0) return 0
    const present = new Set(this.#addresses().map(plain))
    // Every address of 127.0.0.0/8 is this machine's, whatever its interfaces list.
    const lost = [...this.#bound].filter(
      ([, address]) => !present.has(address) && !address.startsWith('127.'),
    )
    for (const [connection, address] of lost) {
      this.#bound.delete(connection)
      connection.abort(new Error(`this machine does not have the address ${address} any more`))
    }
    return lost.length
  }
}

/** An address without its zone, and an IPv4 one in IPv6 form as IPv4. */
const plain = (address: string): string =>
  address
    .split('%')[0]!
    .toLowerCase()
    .replace(/^::ffff:(?=\d+\.)/, '')
