import { ShoalError, type Clock, type Timer } from '@shoal/host'
import type { BlockRange, BlockSplit } from '@shoal/model'
import { formatSplit } from '@shoal/model'
import type { BlockRunner, SumRanks } from '@shoal/runtime'
import { groupTimes } from '../limits.ts'
import { createRankThread, withThread, type RankThread } from '../lanes/rank-thread-control.ts'

export interface ShareRequest {
  readonly range: BlockRange
  readonly split: BlockSplit
  readonly rank: number
}

/** Brings the weights of a rank's share to this machine and loads it. */
export type LoadShare = (
  request: ShareRequest & { readonly sum: SumRanks },
  signal: AbortSignal,
) => Promise<BlockRunner>

/** A share in the hands of one group. */
export interface ShareUse {
  readonly runner: BlockRunner
  /** Where its sums may be made. */
  readonly thread: RankThread
  /** Its calls fail from now on; the next group has it once `idle` resolves. */
  release(idle: Promise<void>): void
}

/**
 * Shares that are loaded: one group uses one at a time, and it stays for a while afterwards, because a group that has
 * lost a rank is formed again around the same ones. Unless another one is to be loaded: leaders that ask for one after the
 * other would fill the memory.
 */
export interface LoadedShares {
  /** @throws {ShoalError} `no-capacity` while another group uses it, or what loading throws */
  take(request: ShareRequest, sum: SumRanks, signal: AbortSignal): Promise<ShareUse>
  close(): Promise<void>
}

interface Entry {
  readonly loading: Promise<BlockRunner>
  readonly thread: RankThread
  sum: SumRanks | null
  /** The calls of the group before are over. */
  idle: Promise<void>
  timer: Timer | null
}

export function createLoadedShares(clock: Clock, load: LoadShare): LoadedShares {
  const entries = new Map<string, Entry>()
  const closing = new AbortController()

  const free = async (key: string, entry: Entry): Promise<void> => {
    if (entries.get(key) === entry) entries.delete(key)
    entry.timer?.cancel()
    const runner = await entry.loading.catch(() => null)
    entry.thread.close()
    await runner?.release()
  }
  /** Only a group that is formed again needs them, and it finds them as they are: whoever comes with another one needs the room. */
  const freeUnused = async (): Promise<void> => {
    const unused = [...entries].filter(([, { sum }]) => sum === null)
    await Promise.all(unused.map(([key, entry]) => free(key, entry)))
  }
  const start = (key: string, request: ShareRequest): Entry => {
    const room = freeUnused()
    const thread = createRankThread(clock)
    const sum: SumRanks = (partial, computedMs) =>
      entry.sum?.(partial, computedMs) ?? Promise.reject(new ShoalError('cancelled', 'the group has ended'))
    const entry: Entry = {
      loading: room.then(() => load({ ...request, sum: withThread(sum, thread) }, closing.signal)),
      thread,
      sum: null,
      idle: Promise.resolve(),
      timer: null,
    }
    entries.set(key, entry)
    return entry
  }

  return {
    async take(request, sum, signal) {
      const { range, split, rank } = request
      const key = `${range.start}:${range.end}/${formatSplit(split)}/${rank}`
      const entry = entries.get(key) ?? start(key, request)
      if (entry.sum !== null)
        throw new ShoalError(
          'no-capacity',
          `another group uses rank ${rank} of blocks ${range.start}:${range.end} here`,
        )
      entry.sum = sum
      entry.timer?.cancel()
      const release = (idle: Promise<void>): void => {
        if (entry.sum !== sum) return
        entry.sum = null
        entry.idle = idle
        const freeIfIdle = (): void => {
          if (entry.sum === null) void free(key, entry)
        }
        entry.timer = clock.after(groupTimes.lingerMs, freeIfIdle, { background: true })
      }
      // A group that ends while this loads is formed again around those that are left, this one with them: at once.
      const giveUp = (): void => release(entry.idle)
      signal.addEventListener('abort', giveUp, { once: true })
      try {
        await entry.idle
        const runner = await entry.loading
        signal.throwIfAborted()
        return { runner, thread: entry.thread, release }
      } catch (error) {
        giveUp()
        if (!signal.aborted) await free(key, entry)
        throw error
      } finally {
        signal.removeEventListener('abort', giveUp)
      }
    },
    async close() {
      closing.abort(new ShoalError('cancelled', 'this node is closing'))
      for (const [key, entry] of entries) await free(key, entry)
    },
  }
}
