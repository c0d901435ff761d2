import type { Clock, Timer } from '@shoal/host'
import type { Wire } from './wire.ts'

/** The sending end, which can be paused. */
export interface Source {
  pause(): void
  resume(): void
}

/** The receiving end. */
export interface Sink {
  /** @returns false when the sink accepts no more until `onDrain` */
  write(chunk: Uint8Array): boolean
  onDrain(listener: () => void): void
  end(): void
  /** The other end was reset, not closed. */
  reset(): void
}

export interface DelayLineOptions {
  /** Delay in one direction. */
  readonly delayMs: number
  /** Wires that each byte passes at the same time; the slowest decides. */
  readonly wires: readonly Wire[]
  /** Extra delay of these bytes by lost packets. */
  lossMs(bytes: number): number
  /** Bytes in flight at which the source is paused. */
  readonly bytesMax: number
  /** Earliest time of arrival: the connection's handshake has to pass first. */
  readonly notBeforeMs: number
}

/** One direction of a connection over a link: bytes arrive in order, delayed, at the rate of the wires at most. */
export interface DelayLine {
  push(chunk: Uint8Array): void
  /** Ends the sink after all bytes in flight. */
  end(how: 'end' | 'reset'): void
  /** Drops all bytes in flight. */
  cut(): void
}

interface Item {
  readonly dueMs: number
  readonly chunk: Uint8Array | null
}

export function createDelayLine(
  clock: Clock,
  source: Source,
  sink: Sink,
  options: DelayLineOptions,
): DelayLine {
  return new Line(clock, source, sink, options)
}

class Line implements DelayLine {
  readonly #clock: Clock
  readonly #source: Source
  readonly #sink: Sink
  readonly #options: DelayLineOptions
  #queue: Item[] = []
  #underWayBytes = 0
  #paused = false
  /** The sink accepts no more until it has drained. */
  #blocked = false
  #lastDueMs: number
  #timer: Timer | null = null
  #ending: 'end' | 'reset' | null = null
  #over = false

  constructor(clock: Clock, source: Source, sink: Sink, options: DelayLineOptions) {
    this.#clock = clock
    this.#source = source
    this.#sink = sink
    this.#options = options
    this.#lastDueMs = options.notBeforeMs
    sink.onDrain(() => {
      this.#blocked = false
      if (this.#timer === null) this.#deliver()
    })
  }

  push(chunk: Uint8Array): void {
    if (this.#over || this.#ending !== null) return
    const { wires, delayMs, bytesMax } = this.#options
    const nowMs = this.#clock.nowMs()
    const leftMs = wires.reduce((latest, wire) => Math.max(latest, wire.take(chunk.byteLength, nowMs)), nowMs)
    this.#underWayBytes += chunk.byteLength
    if (!this.#paused && this.#underWayBytes >= bytesMax) {
      this.#paused = true
      this.#source.pause()
    }
    this.#enqueue(leftMs + delayMs + this.#options.lossMs(chunk.byteLength), chunk)
  }

  end(how: 'end' | 'reset'): void {
    if (this.#over || this.#ending !== null) return
    this.#ending = how
    this.#enqueue(this.#clock.nowMs() + this.#options.delayMs, null)
  }

  cut(): void {
    this.#over = true
    this.#queue = []
    this.#timer?.cancel()
    this.#timer = null
  }

  #enqueue(dueMs: number, chunk: Uint8Array | null): void {
    // TCP delivers in order: bytes behind a lost packet wait for it (head-of-line blocking).
    this.#lastDueMs = Math.max(this.#lastDueMs, dueMs)
    this.#queue.push({ dueMs: this.#lastDueMs, chunk })
    if (this.#timer === null && !this.#blocked) this.#deliver()
  }

  #deliver(): void {
    this.#timer = null
    while (!this.#blocked && !this.#over) {
      const next = this.#queue[0]
      if (next === undefined) return
      const waitMs = next.dueMs - this.#clock.nowMs()
      if (waitMs > 0) {
        this.#timer = this.#clock.after(waitMs, () => this.#deliver())
        return
      }
      this.#queue.shift()
      if (next.chunk === null) this.#finish()
      else this.#pass(next.chunk)
    }
  }

  #pass(chunk: Uint8Array): void {
    this.#underWayBytes -= chunk.byteLength
    this.#blocked = !this.#sink.write(chunk)
    if (this.#paused && this.#underWayBytes <= this.#options.bytesMax / 2) {
      this.#paused = false
      this.#source.resume()
    }
  }

  #finish(): void {
    this.#over = true
    if (this.#ending === 'reset') this.#sink.reset()
    else this.#sink.end()
  }
}
