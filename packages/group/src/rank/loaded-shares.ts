import { onAbort, ShoalError, type Clock, type Timer } from '@shoal/host'
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

/** Fetches the weights of a rank's share and loads it. */
export type LoadShare = (
  request: ShareRequest & { readonly sum: SumRanks },
  signal: AbortSignal,
) => Promise<BlockRunner>

/** A share while one group uses it. */
export interface ShareUse {
  readonly runner: BlockRunner
  /** The computing thread that may make the sums of the share. */
  readonly thread: RankThread
  /** Ends the use: calls fail from now on. The next group gets the share once `idle` has resolved. */
  release(idle: Promise<void>): void
}

/**
 * The shares that are loaded. Only one group at a time uses a share. After its group has ended, a share stays loaded for
 * a while, because a group that has lost a rank is formed again with the remaining ranks. It is freed earlier when another
 * share is to be loaded: otherwise leaders that ask for one share after the other would fill the memory.
 */
export interface LoadedShares {
  /** @throws {ShoalError} `no-capacity` while another group uses the share; errors of loading */
  take(request: ShareRequest, sum: SumRanks, signal: AbortSignal): Promise<ShareUse>
  close(): Promise<void>
}

interface Entry {
  readonly loading: Promise<BlockRunner>
  readonly thread: RankThread
  /** Makes the sums of the group that uses the share; null while no group does. */
  sum: SumRanks | null
  /** Resolves when the calls of the group that used the share last are over. */
  idle: Promise<void>
  timer: Timer | null
}

export function createLoadedShares(clock: Clock, load: LoadShare): LoadedShares {
  return new Shares(clock, load)
}

class Shares implements LoadedShares {
  readonly #clock: Clock
  readonly #load: LoadShare
  readonly #entries = new Map<string, Entry>()
  readonly #closing = new AbortController()

  constructor(clock: Clock, load: LoadShare) {
    this.#clock = clock
    this.#load = load
  }

  async take(request: ShareRequest, sum: SumRanks, signal: AbortSignal): Promise<ShareUse> {
    const { range, split, rank } = request
    const key = `${range.start}:${range.end}/${formatSplit(split)}/${rank}`
    const entry = this.#entries.get(key) ?? this.#start(key, request)
    if (entry.sum !== null)
      throw new ShoalError(
        'no-capacity',
        `another group uses rank ${rank} of blocks ${range.start}:${range.end} here`,
      )
    entry.sum = sum
    entry.timer?.cancel()
    const release = (idle: Promise<void>): void => {
      if (entry.sum === sum) this.#unused(key, entry, idle)
    }
    // When a group ends while its share loads, the share goes on loading: the leader usually forms the group again at once,
    // with this rank in it.
    const giveUp = (): void => release(entry.idle)
    const stopListening = onAbort(signal, giveUp)
    try {
      await entry.idle
      const runner = await entry.loading
      signal.throwIfAborted()
      return { runner, thread: entry.thread, release }
    } catch (error) {
      giveUp()
      if (!signal.aborted) await this.#free(key, entry)
      throw error
    } finally {
      stopListening()
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(new ShoalError('cancelled', 'this node is closing'))
    for (const [key, entry] of this.#entries) await this.#free(key, entry)
  }

  #start(key: string, request: ShareRequest): Entry {
    const room = this.#freeUnused()
    const thread = createRankThread(this.#clock)
    const sum: SumRanks = (partial, computedMs) =>
      entry.sum?.(partial, computedMs) ?? Promise.reject(new ShoalError('cancelled', 'the group has ended'))
    const entry: Entry = {
      loading: room.then(() =>
        this.#load({ ...request, sum: withThread(sum, thread) }, this.#closing.signal),
      ),
      thread,
      sum: null,
      idle: Promise.resolve(),
      timer: null,
    }
    this.#entries.set(key, entry)
    return entry
  }

  #unused(key: string, entry: Entry, idle: Promise<void>): void {
    entry.sum = null
    entry.idle = idle
    const freeIfUnused = (): void => {
      // Nothing is left to do for a share that cannot be released.
      if (entry.sum === null) this.#free(key, entry).catch(() => undefined)
    }
    entry.timer = this.#clock.after(groupTimes.lingerMs, freeIfUnused, { background: true })
  }

  async #freeUnused(): Promise<void> {
    const unused = [...this.#entries].filter(([, { sum }]) => sum === null)
    await Promise.all(unused.map(([key, entry]) => this.#free(key, entry)))
  }

  async #free(key: string, entry: Entry): Promise<void> {
    if (this.#entries.get(key) === entry) this.#entries.delete(key)
    entry.timer?.cancel()
    const runner = await entry.loading.catch(() => null)
    entry.thread.close()
    await runner?.release()
  }
}
