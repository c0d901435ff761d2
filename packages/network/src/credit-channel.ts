import { ShoalError, type Clock, type Timer } from '@shoal/host'
import { peerVanished } from './errors.ts'
import { limits } from './limits.ts'
import type { Channel } from './transport.ts'

/** What a channel needs of the thing beneath: a libp2p stream, or a pipe in memory. */
export interface Wire {
  /** Joins the parts into the one buffer that `write` takes; the caller may then reuse them. */
  pack(parts: readonly Uint8Array[], length: number): Uint8Array
  /** False when the operating system is full: `drained()` follows. */
  write(packed: Uint8Array): boolean
  /** Returns credit to the sender on the other side. */
  grant(bytes: number): void
  /** Says goodbye behind what was written, and lets go. */
  end(): Promise<void>
  /** Drops everything at once; the other side sees an error. */
  reset(error: Error): void
}

interface Waiting {
  readonly packed: Uint8Array
  readonly cost: number
  resolve(): void
  reject(error: Error): void
}

/** One for all frames that left at once. */
const sent = Promise.resolve()

const costOf = (length: number): number => length + limits.frameOverheadBytes

/**
 * A {@link Channel} over a {@link Wire}: credit, queue, late handlers, the end. Knows nothing of bytes on the wire.
 *
 * Both sides start with `channelCreditBytes`; a frame uses its length and an overhead of it, and the receiver returns
 * that once the frame has been consumed. A sender without credit waits; one that sends without credit is dropped.
 */
export class CreditChannel implements Channel {
  readonly remotePeer: string
  readonly protocol: string
  readonly #wire: Wire
  readonly #clock: Clock

  #queue: Waiting[] = []
  #queuedBytes = 0
  /** Written, but the operating system has not taken it yet. */
  #draining: Waiting | undefined
  #credit: number = limits.channelCreditBytes

  #receive: ((frame: Uint8Array) => void | Promise<void>) | undefined
  #early: Uint8Array[] = []
  /** Credit the other side has used and not got back, and the part of it that is consumed. */
  #unreturned = 0
  #owed = 0

  #state: 'open' | 'closing' | 'farewell' | 'ended' = 'open'
  #error: Error | undefined
  #listeners: ((error?: Error) => void)[] = []
  #closing: Promise<void> | undefined
  #emptied: (() => void) | undefined

  constructor(remotePeer: string, protocol: string, wire: Wire, clock: Clock) {
    this.remotePeer = remotePeer
    this.protocol = protocol
    this.#wire = wire
    this.#clock = clock
  }

  get closed(): boolean {
    return this.#state !== 'open'
  }

  // ---------------------------------------------------------------- sending

  send(...parts: readonly Uint8Array[]): Promise<void> {
    if (this.#state !== 'open') return Promise.reject(this.#gone())
    let length = 0
    for (const part of parts) length += part.byteLength
    if (length > limits.maxFrameBytes) {
      return Promise.reject(
        new ShoalError(
          'limit-exceeded',
          `a frame of ${length} bytes is over the limit of ${limits.maxFrameBytes}`,
        ),
      )
    }
    if (this.#queue.length >= limits.queuedFrames || this.#queuedBytes + length > limits.queuedBytes) {
      const sentence = `${this.#queue.length} frames of ${this.#queuedBytes} bytes wait already for ${this.remotePeer}; await send`
      return Promise.reject(new ShoalError('limit-exceeded', sentence))
    }
    const packed = this.#wire.pack(parts, length)
    const cost = costOf(length)
    // Nearly always: nothing waits, the peer has room and so has the system.
    if (this.#queue.length === 0 && this.#draining === undefined && cost <= this.#credit) {
      this.#credit -= cost
      try {
        if (this.#wire.write(packed)) return sent
      } catch (error) {
        this.broke(error)
        return Promise.reject(peerVanished(this.remotePeer, `left the ${this.protocol} channel`, error))
      }
      return new Promise((resolve, reject) => (this.#draining = { packed, cost, resolve, reject }))
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ packed, cost, resolve, reject })
      this.#queuedBytes += packed.byteLength
      this.#pump()
    })
  }

  /** The operating system takes more. */
  drained(): void {
    const written = this.#draining
    this.#draining = undefined
    written?.resolve()
    this.#pump()
  }

  /** The other side consumed frames. */
  granted(bytes: number): void {
    this.#credit += bytes
    if (this.#credit > limits.channelCreditBytes) {
      this.abort(new ShoalError('bad-frame', `${this.remotePeer} returned more credit than it was owed`))
      return
    }
    this.#pump()
  }

  #pump(): void {
    while (this.#draining === undefined && this.#state !== 'ended') {
      const next = this.#queue[0]
      if (next === undefined || next.cost > this.#credit) break
      this.#queue.shift()
      this.#queuedBytes -= next.packed.byteLength
      this.#credit -= next.cost
      try {
        if (this.#wire.write(next.packed)) next.resolve()
        else this.#draining = next
      } catch (error) {
        next.reject(peerVanished(this.remotePeer, `left the ${this.protocol} channel`, error))
        this.broke(error)
      }
    }
    if (this.#queue.length === 0 && this.#draining === undefined) this.#emptied?.()
  }

  // ---------------------------------------------------------------- receiving

  onFrame(receive: (frame: Uint8Array) => void | Promise<void>): void {
    this.#receive = receive
    const early = this.#early
    this.#early = []
    for (const frame of early) this.#deliver(frame)
    if (this.#state === 'farewell') this.#finish()
  }

  /** Whether the other side has the credit for a frame of `length` bytes; aborts the channel when not. */
  admit(length: number): boolean {
    if (this.#state === 'ended') return false
    if (length > limits.maxFrameBytes) {
      this.abort(
        new ShoalError(
          'limit-exceeded',
          `${this.remotePeer} announced a frame of ${length} bytes, over ${limits.maxFrameBytes}`,
        ),
      )
      return false
    }
    if (this.#unreturned + costOf(length) > limits.channelCreditBytes) {
      this.abort(
        new ShoalError(
          'limit-exceeded',
          `${this.remotePeer} sent more than its credit of ${limits.channelCreditBytes} bytes`,
        ),
      )
      return false
    }
    this.#unreturned += costOf(length)
    return true
  }

  /** A whole frame that was admitted; its first byte lies on an 8-byte boundary. */
  frameArrived(frame: Uint8Array): void {
    if (this.#state === 'closing') this.#consumed(frame.byteLength)
    else if (this.#receive === undefined) this.#early.push(frame)
    else this.#deliver(frame)
  }

  #deliver(frame: Uint8Array): void {
    if (this.#state === 'ended' || this.#receive === undefined) return
    const length = frame.byteLength
    try {
      const consumed = this.#receive(frame)
      if (consumed === undefined) this.#consumed(length)
      else
        consumed.then(
          () => this.#consumed(length),
          (error: unknown) => this.#receiverFailed(error),
        )
    } catch (error) {
      this.#receiverFailed(error)
    }
  }

  #consumed(length: number): void {
    if (this.#state === 'ended') return
    this.#owed += costOf(length)
    if (this.#owed < limits.grantBytes || this.#state === 'farewell') return
    this.#unreturned -= this.#owed
    const owed = this.#owed
    this.#owed = 0
    this.#wire.grant(owed)
  }

  #receiverFailed(error: unknown): void {
    this.abort(error instanceof Error ? error : new Error(String(error)))
  }

  // ---------------------------------------------------------------- the end

  onClose(listener: (error?: Error) => void): void {
    if (this.#state === 'ended') listener(this.#error)
    else this.#listeners.push(listener)
  }

  close(): Promise<void> {
    if (this.#state === 'ended') return Promise.resolve()
    this.#closing ??= this.#closeInOrder()
    return this.#closing
  }

  async #closeInOrder(): Promise<void> {
    if (this.#state === 'farewell') {
      this.#finish()
      return
    }
    this.#state = 'closing'
    for (const frame of this.#early.splice(0)) this.#consumed(frame.byteLength)
    const timer = this.#abortAfterTimeout()
    await new Promise<void>((resolve) => {
      this.#emptied = resolve
      this.#pump()
    })
    // Its own end may have come meanwhile, by the peer or by the timer.
    if (!this.#hasEnded()) await this.#wire.end()
    timer.cancel()
    this.#finish()
  }

  #abortAfterTimeout(): Timer {
    return this.#clock.after(limits.closeTimeoutMs, () => {
      this.abort(
        new ShoalError(
          'deadline-passed',
          `${this.remotePeer} did not take the last frames within ${limits.closeTimeoutMs} ms`,
        ),
      )
    })
  }

  abort(error: Error): void {
    if (this.#state === 'ended') return
    // First the end, so that what the wire says of its reset is no news.
    this.#finish(error)
    this.#wire.reset(error)
  }

  /** The other side has said goodbye: frames that came before are still delivered. */
  farewell(): void {
    if (this.#state === 'ended' || this.#state === 'farewell') return
    void this.#wire.end()
    if (this.#early.length === 0) {
      this.#finish()
      return
    }
    this.#state = 'farewell'
    this.#rejectWaiting()
  }

  /** The stream or its connection ended without a goodbye. */
  broke(cause: unknown): void {
    if (this.#state === 'farewell') return
    this.#finish(peerVanished(this.remotePeer, `left the ${this.protocol} channel`, cause))
  }

  #hasEnded(): boolean {
    return this.#state === 'ended'
  }

  #gone(): Error {
    return peerVanished(
      this.remotePeer,
      `can no longer be reached: the ${this.protocol} channel has ended`,
      this.#error,
    )
  }

  #rejectWaiting(): void {
    const waiting = this.#draining === undefined ? this.#queue : [this.#draining, ...this.#queue]
    this.#queue = []
    this.#queuedBytes = 0
    this.#draining = undefined
    for (const frame of waiting) frame.reject(this.#gone())
    this.#emptied?.()
  }

  #finish(error?: Error): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#error = error
    this.#early = []
    this.#rejectWaiting()
    const listeners = this.#listeners
    this.#listeners = []
    for (const listener of listeners) listener(error)
  }
}
