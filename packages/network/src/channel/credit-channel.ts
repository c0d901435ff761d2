import { messageOf, ShoalError, type Clock, type Timer } from '@shoal/host'
import { peerVanished } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Channel } from '../transport.ts'
import type { FirstCredit } from './first-credit.ts'
import type { HeldFrames } from './held-frames.ts'
import { Incoming } from './incoming.ts'
import { Outgoing } from './outgoing.ts'
import type { Wire } from './wire.ts'

/**
 * A {@link Channel} over a {@link Wire}: its two halves and its end. Knows nothing of bytes on the wire.
 *
 * Each side starts with the credit that its protocol gives it; a frame uses its length and an overhead of it, and the
 * receiver returns that once the frame has been consumed. A sender without credit waits; one that sends without credit is
 * dropped. `held` is the account to which frames are charged.
 */
export class CreditChannel implements Channel {
  readonly remotePeer: string
  readonly protocol: string
  readonly #wire: Wire
  readonly #clock: Clock
  readonly #listenerFailed: (error: unknown) => void
  readonly #outgoing: Outgoing
  readonly #incoming: Incoming

  /** `farewell`: the other side has said goodbye, and frames that came before wait for somebody to listen. */
  #state: 'open' | 'closing' | 'farewell' | 'ended' = 'open'
  #error: Error | undefined
  #listeners: ((error?: Error) => void)[] = []
  #closing: Promise<void> | undefined

  /** @param listenerFailed told of what a listener of the channel's end has thrown: the others still hear of the end */
  constructor(
    remotePeer: string,
    protocol: string,
    wire: Wire,
    { incomingBytes, outgoingBytes }: FirstCredit,
    held: HeldFrames,
    clock: Clock,
    listenerFailed: (error: unknown) => void,
  ) {
    this.remotePeer = remotePeer
    this.protocol = protocol
    this.#wire = wire
    this.#clock = clock
    this.#listenerFailed = listenerFailed
    this.#outgoing = new Outgoing(remotePeer, protocol, wire, outgoingBytes, (cause) => this.broke(cause))
    const account = held.open(remotePeer, (error) => this.abort(error))
    this.#incoming = new Incoming(remotePeer, wire, incomingBytes, account, (error) => this.abort(error))
  }

  get closed(): boolean {
    return this.#state !== 'open'
  }

  send(...parts: readonly Uint8Array[]): Promise<void> {
    return this.#state === 'open' ? this.#outgoing.send(parts) : Promise.reject(this.#gone())
  }

  onFrame(receive: (frame: Uint8Array) => void | Promise<void>): void {
    this.#incoming.listen(receive)
    if (this.#state === 'farewell') this.#finish()
  }

  onClose(listener: (error?: Error) => void): void {
    if (this.#state === 'ended') listener(this.#error)
    else this.#listeners.push(listener)
  }

  widen(creditBytes: number): void {
    if (this.#state === 'open') this.#incoming.widen(creditBytes)
  }

  close(): Promise<void> {
    if (this.#state === 'ended') return Promise.resolve()
    this.#closing ??= this.#closeInOrder()
    return this.#closing
  }

  abort(error: Error): void {
    if (this.#state === 'ended') return
    // First the end, so that what the wire says of its reset is no news.
    this.#finish(error)
    this.#wire.reset(error)
  }

  // ---------------------------------------------------------------- what the wire reports

  /** The operating system takes more. */
  drained(): void {
    this.#outgoing.drained()
  }

  /** The other side has consumed frames. */
  granted(bytes: number): void {
    if (!this.#outgoing.granted(bytes))
      this.abort(new ShoalError('bad-frame', `${this.remotePeer} returned more credit than it was owed`))
  }

  /** Whether the other side has the credit for a frame of `length` bytes; aborts the channel when not. */
  admit(length: number): boolean {
    if (this.#state === 'ended') return false
    const refusal = this.#incoming.admit(length)
    if (refusal !== null) this.abort(refusal)
    return refusal === null
  }

  /** A whole frame that was admitted; its first byte lies on an 8-byte boundary. */
  frameArrived(frame: Uint8Array): void {
    this.#incoming.arrived(frame)
  }

  /** The other side has said goodbye: frames that came before are still delivered. */
  farewell(): void {
    if (this.#state === 'ended' || this.#state === 'farewell') return
    void this.#wire.end()
    if (!this.#incoming.waits) {
      this.#finish()
      return
    }
    this.#state = 'farewell'
    this.#incoming.farewell()
    this.#outgoing.rejectAll(() => this.#gone())
  }

  /** Reading the other side's bytes has failed here: the channel ends, and nothing else. */
  unreadable(error: unknown): void {
    this.abort(error instanceof Error ? error : new Error(messageOf(error)))
  }

  /** The stream or its connection ended without a goodbye. */
  broke(cause: unknown): void {
    if (this.#state === 'farewell') return
    this.#finish(peerVanished(this.remotePeer, `left the ${this.protocol} channel`, cause))
  }

  // ---------------------------------------------------------------- the end

  async #closeInOrder(): Promise<void> {
    if (this.#state === 'farewell') {
      this.#finish()
      return
    }
    this.#state = 'closing'
    this.#incoming.discard()
    const timer = this.#abortAfterTimeout()
    await new Promise<void>((resolve) => this.#outgoing.whenEmpty(resolve))
    // The channel may have ended meanwhile, by the peer or by the timer.
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

  #finish(error?: Error): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#error = error
    this.#incoming.stop()
    this.#outgoing.rejectAll(() => this.#gone())
    const listeners = this.#listeners
    this.#listeners = []
    for (const listener of listeners) {
      try {
        listener(error)
      } catch (failure) {
        this.#listenerFailed(failure)
      }
    }
  }
}
