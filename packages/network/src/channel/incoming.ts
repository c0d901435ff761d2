import { ShoalError } from '@shoal/host'
import { limits } from '../limits.ts'
import type { HeldByChannel } from './held-frames.ts'
import { creditFor, type Wire } from './wire.ts'

type Receiver = (frame: Uint8Array) => void | Promise<void>

/**
 * The receiving half of a channel: it holds the sender to its credit, delivers frames, and returns credit when they have
 * been consumed. Frames that come before anybody listens are kept; credit bounds them.
 */
export class Incoming {
  readonly #remotePeer: string
  readonly #wire: Wire
  readonly #held: HeldByChannel
  readonly #onFailure: (error: Error) => void

  /** What the other side may have sent in all, and not got back. */
  #credit: number
  #receive: Receiver | undefined
  #early: Uint8Array[] = []
  /** Credit that the other side has used and not got back. */
  #unreturned = 0
  /** The part of it that is consumed. */
  #owed = 0
  /** Charged for frames that have not been handed to the receiver: one that is being read, and early ones. */
  #undelivered = 0
  /**
   * `discards`: this side is closing, and consumes unseen what still comes. `last`: the other side has said goodbye;
   * what came before is delivered, and credit is of no use any more.
   */
  #mode: 'delivers' | 'discards' | 'last' | 'stopped' = 'delivers'

  /** @param onFailure the receiver of a frame failed */
  constructor(
    remotePeer: string,
    wire: Wire,
    creditBytes: number,
    held: HeldByChannel,
    onFailure: (error: Error) => void,
  ) {
    this.#remotePeer = remotePeer
    this.#wire = wire
    this.#credit = creditBytes
    this.#held = held
    this.#onFailure = onFailure
  }

  /** Whether frames wait for somebody to listen. */
  get waits(): boolean {
    return this.#early.length > 0
  }

  listen(receive: Receiver): void {
    this.#receive = receive
    const early = this.#early
    this.#early = []
    for (const frame of early) this.#deliver(frame)
  }

  /** Takes the credit for a frame of `length` bytes. @returns why it must not come; null when it may */
  admit(length: number): ShoalError | null {
    if (length > limits.maxFrameBytes)
      return new ShoalError(
        'limit-exceeded',
        `${this.#remotePeer} announced a frame of ${length} bytes, over ${limits.maxFrameBytes}`,
      )
    const cost = creditFor(length)
    if (this.#unreturned + cost > this.#credit)
      return new ShoalError(
        'limit-exceeded',
        `${this.#remotePeer} sent more than its credit of ${this.#credit} bytes`,
      )
    const refusal = this.#held.take(cost)
    if (refusal !== null) return refusal
    this.#unreturned += cost
    this.#undelivered += cost
    return null
  }

  /** From now on the other side may send so much; less than before changes nothing. */
  widen(creditBytes: number): void {
    const more = Math.min(creditBytes, limits.channelCreditBytes) - this.#credit
    if (more <= 0 || this.#mode !== 'delivers') return
    this.#credit += more
    this.#wire.grant(more)
  }

  /** A whole frame that was admitted. */
  arrived(frame: Uint8Array): void {
    if (this.#mode === 'discards') {
      this.#undelivered -= creditFor(frame.byteLength)
      this.#consumed(frame.byteLength)
    } else if (this.#receive === undefined) this.#early.push(frame)
    else this.#deliver(frame)
  }

  /** From now on frames are consumed unseen. */
  discard(): void {
    this.#mode = 'discards'
    for (const frame of this.#early.splice(0)) {
      this.#undelivered -= creditFor(frame.byteLength)
      this.#consumed(frame.byteLength)
    }
  }

  /** The other side sends nothing more. */
  farewell(): void {
    this.#mode = 'last'
  }

  stop(): void {
    if (this.#mode === 'stopped') return
    this.#mode = 'stopped'
    this.#early = []
    this.#held.give(this.#undelivered)
    this.#held.close()
  }

  #deliver(frame: Uint8Array): void {
    if (this.#mode === 'stopped' || this.#receive === undefined) return
    const length = frame.byteLength
    this.#undelivered -= creditFor(length)
    try {
      const consumed = this.#receive(frame)
      if (consumed === undefined) this.#consumed(length)
      else
        consumed.then(
          () => this.#consumed(length),
          (error: unknown) => {
            this.#held.give(creditFor(length))
            this.#failed(error)
          },
        )
    } catch (error) {
      this.#held.give(creditFor(length))
      this.#failed(error)
    }
  }

  #consumed(length: number): void {
    this.#held.give(creditFor(length))
    if (this.#mode === 'stopped') return
    this.#owed += creditFor(length)
    if (this.#owed < this.#credit * limits.grantShare || this.#mode === 'last') return
    this.#unreturned -= this.#owed
    const owed = this.#owed
    this.#owed = 0
    this.#wire.grant(owed)
  }

  #failed(error: unknown): void {
    this.#onFailure(error instanceof Error ? error : new Error(String(error)))
  }
}
