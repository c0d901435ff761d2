import { freeMemory, ShoalError, type Clock, type Random } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import type { CreateThreadSum, SumThread } from '../../block-runner.ts'
import { shareConfig } from '../../ranks/share-config.ts'
import { createBlockChain, type BlockChain, type ChainCaches } from '../computers/block-chain.ts'
import type {
  CallArguments,
  CallName,
  CallResult,
  ComputeCalls,
  ComputeSettings,
  SpanId,
} from './compute-calls.ts'
import { createHeadComputer, type HeadComputer } from '../computers/head-computer.ts'
import { headConfig, headPartSource } from '../computers/head-part.ts'
import { halfGraph } from '../graph/half-graph.ts'
import { mailboxSum } from './mailbox.ts'
import { nativeGate } from './native-gate.ts'
import { createRankChain, selfProbeRank, type LoadHalf, type RankSum } from '../computers/rank-chain.ts'
import type { RowPadding } from '../computers/row-padding.ts'
import { loadSession, type ComputeSession } from '../computers/inference-session.ts'
import { shareSource } from '../tensors/share-source.ts'
import { spanGraph } from '../graph/span-graph.ts'
import { packedSource } from '../tensors/packed-source.ts'
import { unitFiles } from '../tensors/unit-files.ts'
import { selfProbe } from '../../probe/self-probe.ts'
import { fixedProbe } from '../../probe/fixed-probe.ts'

/** What this thread has of its machine. */
interface ThreadHost {
  readonly clock: Clock
  readonly random: Random
}

interface LoadedSpan {
  readonly chain: BlockChain
  readonly caches: Map<string, ChainCaches>
}

/** Answers calls one at a time on the current thread. */
export interface ComputeEngine {
  call<Name extends CallName>(
    name: Name,
    fields: CallArguments<Name>,
  ): CallResult<Name> | Promise<CallResult<Name>>
}

type Handlers = {
  readonly [Name in CallName]: (
    fields: ComputeCalls[Name]['arguments'],
  ) => ComputeCalls[Name]['result'] | Promise<ComputeCalls[Name]['result']>
}

export function createComputeEngine(
  host: ThreadHost,
  { manifest, folder, threads, gateMemory }: ComputeSettings,
): ComputeEngine {
  const { clock } = host
  const { config, profile } = manifest
  const weights = packedSource(manifest)
  const gate = nativeGate(gateMemory)
  const spans = new Map<SpanId, LoadedSpan>()
  const heads = new Map<SpanId, HeadComputer>()
  /** Kernels depend on shapes and formats, which all blocks of a model share: one verdict serves every span. */
  let verdict: { padding: RowPadding | null } | undefined

  const load = (range: BlockRange): ComputeSession =>
    loadSession(spanGraph({ config, profile, range, head: false, weights }), { folder, threads, gate })
  const find = <T>(among: Map<SpanId, T>, span: SpanId): T => {
    const found = among.get(span)
    if (found === undefined) throw new ShoalError('not-ready', 'this runner has been released')
    return found
  }
  const cachesOf = (span: LoadedSpan, session: string): ChainCaches => {
    const cache = span.caches.get(session)
    if (cache === undefined) throw new ShoalError('unknown-session', `session ${session} is not open`)
    return cache
  }
  const cachesAt = (span: LoadedSpan, session: string, position: number): ChainCaches => {
    const caches = cachesOf(span, session)
    // An earlier call of this session failed after this one had been accepted.
    if (caches.length !== position)
      throw new ShoalError(
        'wrong-position',
        `session ${session} is at position ${caches.length}, not ${position}`,
      )
    return caches
  }
  const probeBlock = (block: number): { padding: RowPadding | null } => {
    const range = { start: block, end: block + 1 }
    const session = load(range)
    try {
      return { padding: selfProbe(session, config, range) }
    } finally {
      session.release()
    }
  }

  const handlers: Handlers = {
    'numeric-class': () => ({ numericClass: fixedProbe(config, profile, threads, gate) }),
    'load-blocks': ({ span, range }) => {
      verdict ??= probeBlock(range.start)
      const chain = createBlockChain(config, range, verdict.padding ?? 'even', load)
      spans.set(span, { chain, caches: new Map() })
      return verdict
    },
    'load-rank': async ({ span, range, share, mailbox, thread }) => {
      const own = shareConfig(config, share)
      const shareWeights = shareSource(manifest, share, unitFiles(folder))
      const loadHalf: LoadHalf = (block, half) =>
        loadSession(halfGraph({ config: own, profile, block, half, weights: shareWeights }), {
          folder,
          threads,
          gate,
        })
      // A share's matrices have shapes of their own, so it has a verdict of its own.
      const padding = selfProbeRank(clock, own, range.start, loadHalf)
      const chain = createRankChain({
        clock,
        config: own,
        range,
        padding: padding ?? 'even',
        load: loadHalf,
        sum: await rankSum(host, mailbox, thread),
      })
      spans.set(span, { chain, caches: new Map() })
      return { padding }
    },
    'open-session': ({ span, session, tokenBudget, part }) => {
      const loaded = find(spans, span)
      loaded.caches.set(session, loaded.chain.open(part, tokenBudget))
      return null
    },
    forward: ({ span, session, position, hidden }) => {
      const loaded = find(spans, span)
      const caches = cachesAt(loaded, session, position)
      const done = (rows: Float32Array<ArrayBuffer>): CallResult<'forward'> => ({
        hidden: rows,
        keyValueBytes: caches.bytes,
      })
      const rows = loaded.chain.forward(caches, hidden)
      return rows instanceof Promise ? rows.then(done) : done(rows)
    },
    'truncate-session': ({ span, session, length }) => {
      cachesOf(find(spans, span), session).truncate(length)
      return null
    },
    'close-session': ({ span, session }) => {
      spans.get(span)?.caches.delete(session)
      return null
    },
    'export-session': ({ span, session, window }) => ({
      keyValues: cachesOf(find(spans, span), session).export(window),
    }),
    'import-session': ({ span, session, position, keyValues }) => {
      const caches = cachesAt(find(spans, span), session, position)
      caches.import(keyValues)
      return { keyValueBytes: caches.bytes }
    },
    'release-blocks': ({ span }) => {
      spans.get(span)?.chain.release()
      spans.delete(span)
      return null
    },
    'load-head': ({ span, vocabulary }) => {
      const own = headConfig(config, vocabulary)
      const source = vocabulary === null ? weights : headPartSource(manifest, vocabulary)
      const graph = spanGraph({
        config: own,
        profile,
        range: { start: 0, end: 0 },
        head: true,
        weights: source,
      })
      const head = createHeadComputer(loadSession(graph, { folder, threads, gate }), own)
      heads.set(span, head)
      return { padding: head.padding }
    },
    logits: ({ span, hidden, into }) => {
      const logits = find(heads, span).logits(hidden)
      if (into === null) return { logits }
      into.set(logits)
      freeMemory(logits.buffer)
      return { logits: null }
    },
    'release-head': ({ span }) => {
      heads.get(span)?.release()
      heads.delete(span)
      return null
    },
    stop: () => {
      for (const { chain } of spans.values()) chain.release()
      for (const head of heads.values()) head.release()
      spans.clear()
      heads.clear()
      return null
    },
  }
  return { call: (name, fields) => handlers[name](fields) }
}

async function rankSum(
  host: ThreadHost,
  mailbox: SharedArrayBuffer,
  thread: SumThread | null,
): Promise<RankSum> {
  const blocking = mailboxSum(mailbox)
  if (thread === null) return blocking
  // A module of this software that the caller names: it must not be imported from below.
  const { createThreadSum } = (await import(thread.module)) as { createThreadSum: CreateThreadSum }
  const own = createThreadSum(thread.port, host)
  return (partial, computedMs) => own(partial) ?? blocking(partial, computedMs)
}
