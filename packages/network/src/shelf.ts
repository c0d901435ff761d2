import type { Clock } from '@shoal/host'
import type { DirectoryStats, RecordOrder } from './directory.ts'
import { limits } from './limits.ts'

/** How a record that came relates to what is known of its owner. */
export type Admission = 'newer' | 'known' | 'stale'

/**
 * What one peer holds of the directory, by its own clock. A record lives for so long after its *order* was first seen
 * here: sending the same bytes again prolongs nothing, and the order stays known after the record has ended, so that it
 * cannot be brought back. Its signature is the caller's to check.
 */
export interface Shelf {
  admit(owner: string, order: RecordOrder, record: Uint8Array): Admission
  /** Null when there is none, or its time is over. */
  record(owner: string): Uint8Array | null
  /** @returns false when this peer has entries under too many topics */
  addProvider(topic: string, peerId: string): boolean
  removeProvider(topic: string, peerId: string): void
  /** The one heard of longest ago first. */
  providers(topic: string): readonly string[]
  counts(): Omit<DirectoryStats, 'peers'>
}

interface Kept {
  readonly order: RecordOrder
  /** Null once its time is over. */
  record: Uint8Array | null
  readonly untilMs: number
}

export function createShelf(clock: Clock): Shelf {
  /** In the order in which they were first seen, so the first are the first to end. */
  const records = new Map<string, Kept>()
  /** Topic → peer → when it ends; both in the order of the last refresh. */
  const topics = new Map<string, Map<string, number>>()
  const topicsOf = new Map<string, Set<string>>()

  const removeProvider = (topic: string, peerId: string): void => {
    const peers = topics.get(topic)
    if (peers?.delete(peerId) !== true) return
    if (peers.size === 0) topics.delete(topic)
    const own = topicsOf.get(peerId)
    own?.delete(topic)
    if (own?.size === 0) topicsOf.delete(peerId)
  }

  const removeTopic = (topic: string): void => {
    for (const peerId of topics.get(topic)?.keys() ?? []) removeProvider(topic, peerId)
  }

  const prune = (topic: string): void => {
    for (const [peerId, untilMs] of topics.get(topic) ?? []) {
      if (untilMs > clock.nowMs()) return
      removeProvider(topic, peerId)
    }
  }

  const recordOf = (owner: string): Uint8Array | null => {
    const kept = records.get(owner)
    if (kept === undefined) return null
    if (kept.untilMs <= clock.nowMs()) kept.record = null
    return kept.record
  }

  return {
    admit(owner, order, record) {
      const known = records.get(owner)
      if (known !== undefined) {
        const newer =
          order.incarnation === known.order.incarnation
            ? order.seq - known.order.seq
            : order.incarnation - known.order.incarnation
        if (newer < 0) return 'stale'
        // Two words of one number: the first one counts, or their owner could say different things to different peers.
        if (newer === 0) return equalBytes(recordOf(owner), record) ? 'known' : 'stale'
      }
      records.delete(owner)
      // A copy, which `slice` of a Buffer is not: the bytes are part of a frame that this small record would keep in memory.
      records.set(owner, {
        order,
        record: Uint8Array.from(record),
        untilMs: clock.nowMs() + limits.directoryLifeMs,
      })
      const [oldest] = records.keys()
      if (records.size > limits.directoryRecords && oldest !== undefined) records.delete(oldest)
      return 'newer'
    },
    record: recordOf,
    addProvider(topic, peerId) {
      const own = topicsOf.get(peerId) ?? new Set<string>()
      if (!own.has(topic) && own.size >= limits.topicsPerProvider) {
        for (const old of own) prune(old)
        if (own.size >= limits.topicsPerProvider) return false
      }
      removeProvider(topic, peerId)
      const peers = topics.get(topic) ?? new Map<string, number>()
      peers.set(peerId, clock.nowMs() + limits.directoryLifeMs)
      topics.delete(topic)
      topics.set(topic, peers)
      topicsOf.set(peerId, (topicsOf.get(peerId) ?? new Set<string>()).add(topic))
      const [longestAgo] = peers.keys()
      if (peers.size > limits.providersPerTopic && longestAgo !== undefined) removeProvider(topic, longestAgo)
      const [idlest] = topics.keys()
      if (topics.size > limits.directoryTopics && idlest !== undefined) removeTopic(idlest)
      return true
    },
    removeProvider,
    providers(topic) {
      prune(topic)
      return [...(topics.get(topic)?.keys() ?? [])]
    },
    counts() {
      for (const topic of topics.keys()) prune(topic)
      const held = [...records.keys()].filter((owner) => recordOf(owner) !== null)
      return {
        records: held.length,
        entries: [...topics.values()].reduce((sum, peers) => sum + peers.size, 0),
      }
    },
  }
}

export function equalBytes(a: Uint8Array | null, b: Uint8Array): boolean {
  return a !== null && a.length === b.length && a.every((byte, index) => byte === b[index])
}
