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
  const { delayMs, wires, bytesMax } = options
  let queue: Item[] = []
  let underWayBytes = 0
  let paused = false
  let blocked = false
  let lastDueMs = options.notBeforeMs
  let timer: Timer | null = null
  let ending: 'end' | 'reset' | null = null
  let over = false

  const deliver = (): void => {
    timer = null
    while (!blocked && !over) {
      const next = queue[0]
      if (next === undefined) return
      const waitMs = next.dueMs - clock.nowMs()
      if (waitMs > 0) {
        timer = clock.after(waitMs, deliver)
        return
      }
      queue.shift()
      if (next.chunk === null) {
        over = true
        if (ending === 'reset') sink.reset()
        else sink.end()
        return
      }
      underWayBytes -= next.chunk.byteLength
      blocked = !sink.write(next.chunk)
      if (paused && underWayBytes <= bytesMax / 2) {
        paused = false
        source.resume()
      }
    }
  }
  sink.onDrain(() => {
    blocked = false
    if (timer === null) deliver()
  })
  const enqueue = (dueMs: number, chunk: Uint8Array | null): void => {
    // In order, as TCP delivers: what comes behind a lost packet waits for it.
    lastDueMs = Math.max(lastDueMs, dueMs)
    queue.push({ dueMs: lastDueMs, chunk })
    if (timer === null && !blocked) deliver()
  }

  return {
    push(chunk) {
      if (over || ending !== null) return
      const nowMs = clock.nowMs()
      const leftMs = wires.reduce(
        (latest, wire) => Math.max(latest, wire.take(chunk.byteLength, nowMs)),
        nowMs,
      )
      underWayBytes += chunk.byteLength
      if (!paused && underWayBytes >= bytesMax) {
        paused = true
        source.pause()
      }
      enqueue(leftMs + delayMs + options.lossMs(chunk.byteLength), chunk)
    },
    end(how) {
      if (over || ending !== null) return
      ending = how
      enqueue(clock.nowMs() + delayMs, null)
    },
    cut() {
      over = true
      queue = []
      timer?.cancel()
      timer = null
    },
  }
}
