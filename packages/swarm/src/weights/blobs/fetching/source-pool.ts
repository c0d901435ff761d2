import { messageOf, ShoalError, timeLimit, type Clock } from '@shoal/host'
import type { Transport } from '@shoal/network'
import { swarmLimits } from '../../../limits.ts'
import type { LinkRates } from '../../../measuring/link-rates.ts'
import { openBlobClient, type BlobClient } from '../client.ts'
import type { Reputation } from '../../../trust/reputation.ts'
import { blobLimits } from '../limits.ts'

/** Where blobs come from. */
export interface FetchSources {
  readonly transport: Transport
  readonly clock: Clock
  /** Which peers may be asked, and where their faults are noted. */
  readonly reputation: Reputation
  /** Measures the rate of each link; absent where nothing uses the rates. */
  readonly rates?: LinkRates
  /** Peers that may hold the blobs now. */
  candidates(): readonly string[]
}

/** A peer that is being asked. */
export interface Source {
  readonly client: BlobClient
  /** Pieces that may be under way with it. */
  window: number
  inFlight: number
}

/** The peers that one unit is fetched from: opened as they appear, given up as they fail. */
export interface SourcePool {
  readonly open: ReadonlySet<Source>
  readonly opening: number
  /** Why peers were given up, for the error when none is left. */
  readonly reasons: readonly string[]
  /** Connects to candidates that are new, or worth another try. */
  refresh(): void
  /** @param again whether to try it once more */
  giveUp(source: Source, reason: string, again: boolean): void
  close(): Promise<void>
}

/** @param onChange a source opened, or could not be */
export function createSourcePool(sources: FetchSources, onChange: () => void): SourcePool {
  const { transport, clock, reputation } = sources
  const open = new Set<Source>()
  const opening = new Map<string, Promise<void>>()
  const openings = new Map<string, number>()
  const reasons: string[] = []
  const closing = new AbortController()

  const openOne = async (peer: string): Promise<void> => {
    const limit = timeLimit(
      clock,
      swarmLimits.dialTimeoutMs,
      () => new ShoalError('deadline-passed', `${peer} cannot be reached`),
      closing.signal,
    )
    try {
      const client = await openBlobClient(transport, clock, peer, limit.signal)
      if (closing.signal.aborted) client.abort(new ShoalError('cancelled', 'nothing more is needed'))
      else open.add({ client, window: blobLimits.piecesAtFirst, inFlight: 0 })
    } catch (error) {
      if (closing.signal.aborted) return
      reasons.push(messageOf(error))
      // The peer speaks another version or serves no weights, so asking again changes nothing.
      if (error instanceof ShoalError && error.code === 'wrong-version')
        openings.set(peer, blobLimits.openingsPerUnit)
      else reputation.saw(peer, 'failed-transfer')
    } finally {
      limit.clear()
      opening.delete(peer)
      onChange()
    }
  }
  return {
    open,
    reasons,
    get opening() {
      return opening.size
    },
    refresh() {
      const asked = new Set([...opening.keys(), ...[...open].map(({ client }) => client.peer)])
      for (const peer of reputation.rankSources(sources.candidates())) {
        if (open.size + opening.size >= blobLimits.sources) return
        const tries = openings.get(peer) ?? 0
        if (asked.has(peer) || tries >= blobLimits.openingsPerUnit) continue
        openings.set(peer, tries + 1)
        opening.set(peer, openOne(peer))
      }
    },
    giveUp(source, reason, again) {
      // Several of its pieces may fail with one connection: that is one failure.
      if (!open.delete(source)) return
      reasons.push(reason)
      if (!again) openings.set(source.client.peer, blobLimits.openingsPerUnit)
      source.client.abort(new ShoalError('cancelled', reason))
    },
    async close() {
      const cancelled = new ShoalError('cancelled', 'nothing more is needed')
      closing.abort(cancelled)
      for (const { client } of open) client.abort(cancelled)
      open.clear()
      await Promise.all(opening.values())
    },
  }
}
