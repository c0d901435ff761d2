import { ShoalError } from '@shoal/host'
import type { BlockChain, ChainCaches } from '../computers/block-chain.ts'
import type { SpanId } from '../host/compute-calls.ts'

/** The spans that are loaded, each with the caches of its sessions. */
export interface LoadedSpans {
  add(span: SpanId, chain: BlockChain): void
  /** @throws {ShoalError} `not-ready` once the span has been released */
  chain(span: SpanId): BlockChain
  /** Whether rows of several sessions can be computed in one call. */
  sharesCalls(span: SpanId): boolean
  /** Names the blocks of a session; '' for a session that is not open. */
  partOf(span: SpanId, session: string): string
  openSession(span: SpanId, session: string, caches: ChainCaches): void
  /** @throws {ShoalError} `not-ready`, `unknown-session` */
  caches(span: SpanId, session: string): ChainCaches
  /** As `caches`, of a session at this position. @throws {ShoalError} `wrong-position` */
  cachesAt(span: SpanId, session: string, position: number): ChainCaches
  closeSession(span: SpanId, session: string): void
  release(span: SpanId): void
  releaseAll(): void
}

export function createLoadedSpans(): LoadedSpans {
  const spans = new Map<SpanId, { readonly chain: BlockChain; readonly sessions: Map<string, ChainCaches> }>()
  const find = (span: SpanId) => {
    const found = spans.get(span)
    if (found === undefined) throw new ShoalError('not-ready', 'this runner has been released')
    return found
  }
  const caches = (span: SpanId, session: string): ChainCaches => {
    const found = find(span).sessions.get(session)
    if (found === undefined) throw new ShoalError('unknown-session', `session ${session} is not open`)
    return found
  }
  const release = (span: SpanId): void => {
    spans.get(span)?.chain.release()
    spans.delete(span)
  }
  return {
    add: (span, chain) => void spans.set(span, { chain, sessions: new Map() }),
    chain: (span) => find(span).chain,
    sharesCalls: (span) => spans.get(span)?.chain.forwardTogether !== undefined,
    partOf(span, session) {
      const part = spans.get(span)?.sessions.get(session)?.part
      return part === undefined ? '' : `${part.start}:${part.end}`
    },
    openSession: (span, session, opened) => void find(span).sessions.set(session, opened),
    caches,
    cachesAt(span, session, position) {
      const found = caches(span, session)
      // An earlier call of the session failed after this one had been accepted.
      if (found.length !== position)
        throw new ShoalError(
          'wrong-position',
          `session ${session} is at position ${found.length}, not ${position}`,
        )
      return found
    },
    closeSession: (span, session) => void spans.get(span)?.sessions.delete(session),
    release,
    releaseAll() {
      for (const span of spans.keys()) release(span)
    },
  }
}
