import type { Clock, Logger, Timer } from '@shoal/host'
import { ApiError } from '../../api/errors.ts'
import { dashboardLimits } from './limits.ts'

/** Parts of what a page shows, by the name of their event. */
export type Look = Readonly<Record<string, unknown>>

/** Streams of server-sent events: each part as a whole when a page comes, and again whenever it has changed. */
export interface SwarmWatch {
  /** @throws {ApiError} 429 when too many pages watch */
  open(): ReadableStream<Uint8Array>
}

interface Watcher {
  readonly controller: ReadableStreamDefaultController<Uint8Array>
  /** What it has been sent, by the name of the part. */
  readonly sent: Map<string, string>
  lastMs: number
}

/**
 * Looks only while somebody watches, once for all of them.
 *
 * A page that reads slowly misses states in between and never gets an old one: what it is sent is made when it has read
 * everything before, so that it costs no more memory than the others.
 */
export function createSwarmWatch(
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  look: () => Look,
): SwarmWatch {
  const watchers = new Set<Watcher>()
  const encoder = new TextEncoder()
  let parts: readonly (readonly [string, string])[] = []
  let timer: Timer | null = null

  const offer = (watcher: Watcher): void => {
    if ((watcher.controller.desiredSize ?? 0) <= 0) return
    const changed = parts.filter(([name, data]) => watcher.sent.get(name) !== data)
    const silentMs = clock.nowMs() - watcher.lastMs
    if (changed.length === 0 && silentMs < dashboardLimits.keepAliveMs) return
    for (const [name, data] of changed) watcher.sent.set(name, data)
    const frames = changed.map(([name, data]) => `event: ${name}\ndata: ${data}\n\n`).join('')
    watcher.lastMs = clock.nowMs()
    watcher.controller.enqueue(encoder.encode(frames === '' ? ': nothing new\n\n' : frames))
  }
  const turn = (): void => {
    const startMs = clock.nowMs()
    try {
      parts = Object.entries(look()).map(([name, part]) => [name, JSON.stringify(part)])
      for (const watcher of watchers) offer(watcher)
    } catch (error) {
      logger.error('dashboard-look-failed', { error })
    }
    const tookMs = clock.nowMs() - startMs
    const restMs = Math.max(dashboardLimits.lookMs, tookMs * dashboardLimits.restPerLook)
    timer = watchers.size === 0 ? null : clock.after(restMs, turn, { background: true })
  }

  return {
    open() {
      if (watchers.size >= dashboardLimits.watchersMax)
        throw new ApiError(
          429,
          `${dashboardLimits.watchersMax} pages watch this swarm already: close one of them`,
          { headers: { 'retry-after': '10' } },
        )
      let own: Watcher | null = null
      return new ReadableStream<Uint8Array>({
        start(controller) {
          own = { controller, sent: new Map(), lastMs: clock.nowMs() }
          watchers.add(own)
          timer?.cancel()
          turn()
        },
        cancel() {
          if (own !== null) watchers.delete(own)
        },
      })
    },
  }
}
