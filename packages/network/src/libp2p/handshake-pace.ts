import type { Multiaddr } from '@multiformats/multiaddr'
import { isNear } from '../direct/near.ts'
import { sleep, type Clock } from '@shoal/host'
import { limits } from '../limits.ts'
import { ipOf } from './address-book.ts'
import { accountOf } from './connection-gate.ts'

interface Pace {
  readonly atOnce: number
  readonly everyMs: number
}

/**
 * Limits the handshakes of each network: a number of them at once, and then a rate. A handshake takes some milliseconds of
 * processor time, which anybody can cause with some hundred bytes before it is authenticated.
 */
export class HandshakePace {
  readonly #clock: Clock
  /** When the next handshake of a network would be due if all of them had kept to the pace. */
  readonly #dueMs = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when a connection from this address may shake hands. @throws {Error} when too many of its network wait */
  async turn(address: string | undefined): Promise<void> {
    const nowMs = this.#clock.nowMs()
    const account = accountOf(address ?? '')
    const { atOnce, everyMs } = paceOf(address, account)
    const key = account ?? 'this machine'
    const dueMs = Math.max(nowMs, this.#dueMs.get(key) ?? 0)
    const waitMs = dueMs - nowMs - atOnce * everyMs
    if (waitMs > limits.handshakeWaitMs) throw new Error('too many peers of this network connect at once')
    this.#dueMs.delete(key)
    this.#dueMs.set(key, dueMs + everyMs)
    this.#forgetPast(nowMs)
    if (waitMs > 0) await sleep(this.#clock, waitMs)
  }

  /** Networks whose time is over are at the beginning, but for those that are ahead of the pace. */
  #forgetPast(nowMs: number): void {
    for (const [key, dueMs] of this.#dueMs) {
      if (dueMs > nowMs && this.#dueMs.size < limits.learnedPeers) return
      this.#dueMs.delete(key)
    }
  }
}

function paceOf(address: string | undefined, account: string | null): Pace {
  if (account === null) return limits.handshakesOfThisMachine
  return isNear(address ?? '') ? limits.handshakesOfNearAddress : limits.handshakesOfNetwork
}

interface Encrypter {
  secureInbound(connection: { readonly remoteAddr?: Multiaddr }, options?: unknown): Promise<unknown>
}

/** An encrypter factory that answers handshakes at the pace of their networks. */
export function withPacedHandshakes<Components, Made extends object>(
  make: (components: Components) => Made,
  pace: HandshakePace,
): (components: Components) => Made {
  return (components) => {
    const encrypter = make(components)
    const patched = encrypter as unknown as Encrypter
    const secure = patched.secureInbound.bind(encrypter)
    patched.secureInbound = async (connection, options) => {
      const { remoteAddr } = connection
      await pace.turn(remoteAddr === undefined ? undefined : ipOf(remoteAddr))
      return secure(connection, options)
    }
    return encrypter
  }
}
