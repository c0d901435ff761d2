import type { StreamMessageEvent } from '@libp2p/interface'
import type { Clock } from '@shoal/host'
import { limits } from '../../limits.ts'
import type { LoopTime } from './loop-time.ts'

/** What came at once: one buffer of a socket, or a list of buffers of a stream. */
export type Bytes = StreamMessageEvent['data']

/** A socket, or a stream through a relay, whose bytes are read at a pace. */
interface PacedSocket {
  pause(): void
  resume(): void
  /** Ends the connection. */
  cut(): void
  /** Hands bytes to the decryption and all that follows. */
  deliver(bytes: Bytes): void
}

interface Held {
  readonly socket: PacedSocket
  readonly bytes: Bytes
}

/**
 * Reads the sockets of strangers while their networks have time of the event loop left. A socket without is paused, so that
 * TCP stops its sender, and holds what had come: at most one read, of 64 KiB. A stream through a relay opens no more of its
 * window. Networks that wait take turns. Of all that is held there is a most, beyond which the network that holds most loses
 * the connection that does.
 */
export class PacedReads {
  readonly #time: LoopTime
  readonly #clock: Clock
  /** Sockets that wait, by account. The first account is next. */
  readonly #waiting = new Map<string, Held[]>()
  #heldBytes = 0
  #isScheduled = false

  constructor(time: LoopTime, clock: Clock) {
    this.#time = time
    this.#clock = clock
  }

  /** Something else than bytes is about to use the event loop on this account. */
  began(account: string | null): void {
    this.#time.charge(account)
  }

  /** Bytes have come. @param account who pays for them; null for nobody */
  arrived(account: string | null, socket: PacedSocket, bytes: Bytes): void {
    if (account === null || (!this.#waiting.has(account) && this.#time.waitMs(account) === 0)) {
      this.#time.charge(account)
      socket.deliver(bytes)
      return
    }
    socket.pause()
    const line = this.#waiting.get(account)
    if (line === undefined) this.#waiting.set(account, [{ socket, bytes }])
    else line.push({ socket, bytes })
    this.#heldBytes += bytes.byteLength
    while (this.#heldBytes > limits.heldReadBytes) this.#cutGreediest()
    this.#schedule()
  }

  /** The socket has ended: nobody reads what it has brought. */
  ended(account: string, socket: PacedSocket): void {
    const line = this.#waiting.get(account) ?? []
    const left = line.filter((held) => held.socket !== socket)
    this.#heldBytes -= bytesOf(line) - bytesOf(left)
    if (left.length === 0) this.#waiting.delete(account)
    else this.#waiting.set(account, left)
  }

  #cutGreediest(): void {
    const [greediest] = [...this.#waiting].sort(([, a], [, b]) => bytesOf(b) - bytesOf(a))
    if (greediest === undefined) return
    const [account, line] = greediest
    const [largest] = line.toSorted((a, b) => b.bytes.byteLength - a.bytes.byteLength)
    if (largest === undefined) return
    this.ended(account, largest.socket)
    largest.socket.cut()
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.size === 0) return
    this.#isScheduled = true
    const waitMs = Math.min(...[...this.#waiting.keys()].map((account) => this.#time.waitMs(account)))
    // One read for each turn of the event loop: only behind it is known what it took.
    this.#clock.after(waitMs, () => {
      this.#isScheduled = false
      this.#deliverNext()
      this.#schedule()
    })
  }

  #deliverNext(): void {
    for (const [account, line] of this.#waiting) {
      if (this.#time.waitMs(account) > 0) continue
      this.#waiting.delete(account)
      const held = line.shift()
      if (line.length > 0) this.#waiting.set(account, line)
      if (held === undefined) continue
      this.#heldBytes -= held.bytes.byteLength
      this.#time.charge(account)
      held.socket.deliver(held.bytes)
      held.socket.resume()
      return
    }
  }
}

const bytesOf = (line: readonly Held[]): number => line.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
