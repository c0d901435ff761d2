import { ShoalError } from '@shoal/host'
import { peerVanished } from '../errors.ts'
import { limits } from '../limits.ts'
import { creditFor, type Wire } from './wire.ts'

interface Waiting {
  readonly packed: Uint8Array
  readonly cost: number
  resolve(): void
  reject(error: Error): void
}

/** One for all frames that left at once. */
const sent = Promise.resolve()

/**
 * The sending half of a channel. A frame leaves when the peer has room for it (credit) and the operating system has too;
 * until then it waits in a bounded queue.
 */
export class Outgoing {
  readonly #remotePeer: string
  readonly #protocol: string
  readonly #wire: Wire
  readonly #onBroken: (cause: unknown) => void

  #queue: Waiting[] = []
  #queuedBytes = 0
  /** Written, but the operating system has not taken all of it yet. */
  #draining: Waiting | undefined
  #credit: number
  #emptied: (() => void) | undefined

  /** @param onBroken a write failed */
  constructor(
    remotePeer: string,
    protocol: string,
    wire: Wire,
    creditBytes: number,
    onBroken: (cause: unknown) => void,
  ) {
    this.#remotePeer = remotePeer
    this.#protocol = protocol
    this.#wire = wire
    this.#credit = creditBytes
    this.#onBroken = onBroken
  }

  /** Resolves when the frame has been handed to the operating system. */
  send(parts: readonly Uint8Array[]): Promise<void> {
    let length = 0
    for (const part of parts) length += part.byteLength
    const refusal = this.#refusal(length)
    if (refusal !== null) return Promise.reject(refusal)
    const packed = this.#wire.pack(parts, length)
    const cost = creditFor(length)
    // Nearly always nothing waits, the peer has room, and so has the system.
    if (this.#queue.length === 0 && this.#draining === undefined && cost <= this.#credit) {
      this.#credit -= cost
      try {
        if (this.#wire.write(packed)) return sent
      } catch (error) {
        this.#onBroken(error)
        return Promise.reject(this.#lost(error))
      }
      return new Promise((resolve, reject) => (this.#draining = { packed, cost, resolve, reject }))
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ packed, cost, resolve, reject })
      this.#queuedBytes += packed.byteLength
      this.#pump()
    })
  }

  #refusal(length: number): ShoalError | null {
    if (length > limits.maxFrameBytes)
      return new ShoalError(
        'limit-exceeded',
        `a frame of ${length} bytes is over the limit of ${limits.maxFrameBytes}`,
      )
    if (this.#queue.length < limits.queuedFrames && this.#queuedBytes + length <= limits.queuedBytes)
      return null
    return new ShoalError(
      'limit-exceeded',
      `${this.#queue.length} frames of ${this.#queuedBytes} bytes wait already for ${this.#remotePeer}; await send`,
    )
  }

  /** The operating system takes more. */
  drained(): void {
    const written = this.#draining
    this.#draining = undefined
    written?.resolve()
    this.#pump()
  }

  /** The other side has consumed frames, or takes more at once. @returns false for more than the whole credit */
  granted(bytes: number): boolean {
    this.#credit += bytes
    if (this.#credit > limits.channelCreditBytes) return false
    this.#pump()
    return true
  }

  /** Calls back, at once or later, when nothing waits any more. */
  whenEmpty(emptied: () => void): void {
    this.#emptied = emptied
    this.#pump()
  }

  /** Rejects what waits, each frame with an error of its own. */
  rejectAll(reason: () => Error): void {
    const waiting = this.#draining === undefined ? this.#queue : [this.#draining, ...this.#queue]
    this.#queue = []
    this.#queuedBytes = 0
    this.#draining = undefined
    for (const frame of waiting) frame.reject(reason())
    this.#emptied?.()
  }

  #pump(): void {
    while (this.#draining === undefined) {
      const next = this.#queue[0]
      if (next === undefined || next.cost > this.#credit) break
      this.#queue.shift()
      this.#queuedBytes -= next.packed.byteLength
      this.#credit -= next.cost
      try {
        if (this.#wire.write(next.packed)) next.resolve()
        else this.#draining = next
      } catch (error) {
        next.reject(this.#lost(error))
        // This rejects the rest of the queue, so that the loop ends.
        this.#onBroken(error)
      }
    }
    if (this.#queue.length === 0 && this.#draining === undefined) this.#emptied?.()
  }

  #lost(cause: unknown): ShoalError {
    return peerVanished(this.#remotePeer, `left the ${this.#protocol} channel`, cause)
  }
}
