import type { Clock, Timer } from '@shoal/host'
import type { Wire } from './wire.ts'

/** Where bytes come from: it can be told to wait. */
export interface Source {
  pause(): void
  resume(): void
}

/** Where they go. */
export interface Sink {
  /** @returns false when it wants no more until `onDrain` */
  write(chunk: Uint8Array): boolean
  onDrain(listener: () => void): void
  end(): void
  /** The other end was cut off, not closed. */
  reset(): void
}

export interface DelayLineOptions {
  /** One way. */
  readonly delayMs: number
  /** Each byte passes all of them at once; the slowest decides. */
  readonly wires: readonly Wire[]
  /** How much later these bytes come because some were lost. */
  lossMs(bytes: number): number
  /** Bytes under way after which the source has to wait. */
  readonly bytesMax: number
  /** Nothing arrives before: the connection's own handshake has to pass first. */
  readonly notBeforeMs: number
}

/** One direction of one connection over a link: bytes arrive in order, later, and no faster than the wires carry them. */
export interface DelayLine {
  push(chunk: Uint8Array): void
  /** Passed on behind all bytes. */
  end(how: 'end' | 'reset'): void
  /** Forgets what is under way. */
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
  /** The sink wants no more until it has drained. */
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
    // In order, as TCP delivers: what comes behind a lost packet waits for it.
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
