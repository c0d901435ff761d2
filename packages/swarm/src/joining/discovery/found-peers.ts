import { onAbort, type Clock } from '@shoal/host'
import { swarmLimits } from '../../limits.ts'

/** Peers of the local network that mDNS has named, and what asking them has shown. */
export interface FoundPeers {
  /** @returns false when there is no room for another one */
  add(peer: string, addresses: readonly string[]): boolean
  ids(): readonly string[]
  /**
   * Peers that may belong to a swarm, with their addresses. Peers that mDNS names during the iteration are included.
   */
  promising(): Iterable<readonly [peer: string, addresses: readonly string[]]>
  /** Leaves a peer out until mDNS names it again, because it speaks another version or cannot be reached. */
  dismiss(peer: string): void
  /** Resolves when mDNS names a peer, or after a second, since peers that were waiting themselves are asked again. */
  next(signal: AbortSignal): Promise<void>
}

export function createFoundPeers(clock: Clock): FoundPeers {
  const found = new Map<string, readonly string[]>()
  const dismissed = new Set<string>()
  const waiting = new Set<() => void>()
  return {
    add(peer, addresses) {
      if (!found.has(peer) && found.size >= swarmLimits.foundPeers) return false
      found.set(peer, addresses)
      dismissed.delete(peer)
      for (const wake of waiting) wake()
      return true
    },
    ids: () => [...found.keys()],
    *promising() {
      for (const entry of found) if (!dismissed.has(entry[0])) yield entry
    },
    dismiss: (peer) => void dismissed.add(peer),
    async next(signal) {
      const news = Promise.withResolvers<void>()
      const timer = clock.after(swarmLimits.notReadyRetryMs, news.resolve)
      const stopListening = onAbort(signal, () => news.reject(signal.reason))
      waiting.add(news.resolve)
      try {
        await news.promise
      } finally {
        timer.cancel()
        waiting.delete(news.resolve)
        stopListening()
      }
    },
  }
}
