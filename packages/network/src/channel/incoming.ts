import { ShoalError } from '@shoal/host'
import { limits } from '../limits.ts'
import { creditFor, type Wire } from './wire.ts'

type Receiver = (frame: Uint8Array) => void | Promise<void>

/**
 * The receiving half of a channel: it holds the sender to its credit, delivers frames, and returns credit when they have
 * been consumed. Frames that come before anybody listens are kept; credit bounds them.
 */
export class Incoming {
  readonly #remotePeer: string
  readonly #wire: Wire
  readonly #onFailure: (error: Error) => void

  #receive: Receiver | undefined
  #early: Uint8Array[] = []
  /** Credit that the other side has used and not got back. */
  #unreturned = 0
  /** The part of it that is consumed. */
  #owed = 0
  /**
   * `discards`: this side is closing, and consumes unseen what still comes. `last`: the other side has said goodbye;
   * what came before is delivered, and credit is of no use any more.
   */
  #mode: 'delivers' | 'discards' | 'last' | 'stopped' = 'delivers'

  /** @param onFailure the receiver of a frame failed */
  constructor(remotePeer: string, wire: Wire, onFailure: (error: Error) => void) {
    this.#remotePeer = remotePeer
    this.#wire = wire
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
    if (this.#unreturned + creditFor(length) > limits.channelCreditBytes)
      return new ShoalError(
        'limit-exceeded',
        `${this.#remotePeer} sent more than its credit of ${limits.channelCreditBytes} bytes`,
      )
    this.#unreturned += creditFor(length)
    return null
  }

  /** A whole frame that was admitted. */
  arrived(frame: Uint8Array): void {
    if (this.#mode === 'discards') this.#consumed(frame.byteLength)
    else if (this.#receive === undefined) this.#early.push(frame)
    else this.#deliver(frame)
  }

  /** From now on frames are consumed unseen. */
  discard(): void {
    this.#mode = 'discards'
    for (const frame of this.#early.splice(0)) this.#consumed(frame.byteLength)
  }

  /** The other side sends nothing more. */
  farewell(): void {
    this.#mode = 'last'
  }

  stop(): void {
    this.#mode = 'stopped'
    this.#early = []
  }

  #deliver(frame: Uint8Array): void {
    if (this.#mode === 'stopped' || this.#receive === undefined) return
    const length = frame.byteLength
    try {
      const consumed = this.#receive(frame)
      if (consumed === undefined) this.#consumed(length)
      else
        consumed.then(
          () => this.#consumed(length),
          (error: unknown) => this.#failed(error),
        )
    } catch (error) {
      this.#failed(error)
    }
  }

  #consumed(length: number): void {
    if (this.#mode === 'stopped') return
    this.#owed += creditFor(length)
    if (this.#owed < limits.grantBytes || this.#mode === 'last') return
    this.#unreturned -= this.#owed
    const owed = this.#owed
    this.#owed = 0
    this.#wire.grant(owed)
  }

  #failed(error: unknown): void {
    this.#onFailure(error instanceof Error ? error : new Error(String(error)))
  }
}
