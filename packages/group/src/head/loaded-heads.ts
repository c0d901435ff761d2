import { ShoalError, type Clock, type Timer } from '@shoal/host'
import type { IndexRange } from '@shoal/model'
import type { HeadRunner } from '@shoal/runtime'
import { groupLimits, groupTimes } from '../limits.ts'

/** Fetches the weights of the head and loads the part for these tokens. */
export type LoadHead = (vocabulary: IndexRange, signal: AbortSignal) => Promise<HeadRunner>

export interface HeadUse {
  readonly head: HeadRunner
  release(): void
}

/** The parts of the head that are loaded. Several groups may use one part, which stays loaded for a while afterwards, as shares do. */
export interface LoadedHeads {
  /** @throws {ShoalError} `no-capacity` when too many parts are loaded; errors of loading */
  take(vocabulary: IndexRange): Promise<HeadUse>
  close(): Promise<void>
}

interface Entry {
  readonly loading: Promise<HeadRunner>
  users: number
  timer: Timer | null
}

export function createLoadedHeads(clock: Clock, load: LoadHead): LoadedHeads {
  const entries = new Map<string, Entry>()
  const closing = new AbortController()

  const free = async (key: string, entry: Entry): Promise<void> => {
    if (entries.get(key) === entry) entries.delete(key)
    entry.timer?.cancel()
    const head = await entry.loading.catch(() => null)
    await head?.release()
  }
  const start = (key: string, vocabulary: IndexRange): Entry => {
    const entry: Entry = { loading: load(vocabulary, closing.signal), users: 0, timer: null }
    entries.set(key, entry)
    return entry
  }

  return {
    async take(vocabulary) {
      const key = `${vocabulary.start}:${vocabulary.end}`
      if (!entries.has(key) && entries.size >= groupLimits.headsMax)
        throw new ShoalError('no-capacity', `${entries.size} parts of the head are loaded here already`)
      const entry = entries.get(key) ?? start(key, vocabulary)
      entry.users += 1
      entry.timer?.cancel()
      let released = false
      const release = (): void => {
        if (released) return
        released = true
        entry.users -= 1
        if (entry.users > 0) return
        const freeIfIdle = (): void => {
          // Nothing is left to do for a part that cannot be released.
          if (entry.users === 0) free(key, entry).catch(() => undefined)
        }
        entry.timer = clock.after(groupTimes.lingerMs, freeIfIdle, { background: true })
      }
      try {
        return { head: await entry.loading, release }
      } catch (error) {
        released = true
        await free(key, entry)
        throw error
      }
    },
    async close() {
      closing.abort()
      for (const [key, entry] of entries) await free(key, entry)
    },
  }
}
