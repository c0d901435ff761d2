import { blockFormats, blockSpecs, type BlockRange, type Manifest } from '@shoal/model'
import { shareSpan } from '../../ranks/share-span.ts'
import { blockOf, spanOf, type Span } from '../../span.ts'
import { createBlockChain } from '../computers/block-chain.ts'
import { createExpertChain } from '../computers/expert-chain.ts'
import type { LoadedBlock } from '../computers/loaded-block.ts'
import { createRankChain, selfProbeRank } from '../computers/rank-chain.ts'
import type { RowPadding } from '../computers/row-padding.ts'
import { selfProbe } from '../computers/self-probe.ts'
import type { CallArguments, CallName, CallResult, ComputeCalls } from '../host/compute-calls.ts'
import type { GraphRuntime } from '../computers/compute-session.ts'
import { fixedProbe } from './fixed-probe.ts'
import { createGraphLoader, type GraphLoader } from './graph-loader.ts'
import { createLoadedHeads } from './loaded-heads.ts'
import { createLoadedSpans, type LoadedSpans } from './loaded-spans.ts'
import { createRankSum, type EngineHost } from './rank-sum.ts'
import { MicroBatches } from './requests/micro-batches.ts'
import { groupOf, placeOf, type NamedCall } from './requests/request-places.ts'
import type { RequestPlace } from './requests/request-order.ts'
import type { ReadAhead } from '../read-ahead.ts'
import { createRowVerdicts } from './row-verdicts.ts'
import { forwardShared, ForwardProgress, type ForwardOutcome } from './requests/shared-forward.ts'

/** Answers calls on the thread that calls it. */
export interface ComputeEngine {
  call<Name extends CallName>(
    name: Name,
    fields: CallArguments<Name>,
  ): CallResult<Name> | Promise<CallResult<Name>>
  placeOf(request: NamedCall): RequestPlace
  /** Makes a request ready for `forwardShared`. */
  progressOf(fields: CallArguments<'forward'>): ForwardProgress
  /** Computes rows of requests that may be computed together. */
  forwardShared(requests: readonly ForwardProgress[]): readonly ForwardOutcome[]
  /** Computes the logits of the first of some requests to one head; at least one. */
  logitsShared(requests: readonly CallArguments<'logits'>[]): readonly CallResult<'logits'>[]
}

type Handlers<Names extends CallName = CallName> = {
  readonly [Name in Names]: (
    fields: ComputeCalls[Name]['arguments'],
  ) => ComputeCalls[Name]['result'] | Promise<ComputeCalls[Name]['result']>
}

export function createComputeEngine(
  host: EngineHost,
  manifest: Manifest,
  runtime: GraphRuntime,
): ComputeEngine {
  const loader = createGraphLoader(manifest, runtime)
  const readAhead = runtime.createReadAhead(manifest.config)
  const spans = createLoadedSpans()
  const heads = createLoadedHeads(loader, manifest.config.hiddenSize)
  const batches = new MicroBatches(manifest.config.blockCount)
  const { clock } = host
  const handlers: Handlers = {
    'numeric-class': () => ({
      numericClass: fixedProbe(blockSpecs(manifest.config), manifest.profile, runtime),
    }),
    ...loadCalls(host, manifest, readAhead, loader, spans),
    'release-blocks': ({ span }) => {
      spans.release(span)
      batches.forget(span)
      return null
    },
    ...sessionCalls(spans),
    'load-head': (fields) => heads.load(fields),
    logits: (fields) => heads.logits([fields])[0] ?? { logits: null },
    'release-head': ({ span }) => {
      heads.release(span)
      return null
    },
    stop: () => {
      spans.releaseAll()
      heads.releaseAll()
      readAhead.close()
      return null
    },
  }
  const { hiddenSize } = manifest.config
  return {
    call: (name, fields) => handlers[name](fields),
    placeOf: (request) => placeOf(spans, request),
    progressOf(fields) {
      batches.arrived(groupOf(spans, fields.span, fields.session), fields.session, clock.nowMs())
      return new ForwardProgress(fields, hiddenSize)
    },
    forwardShared: (requests) => forwardShared({ spans, batches, clock }, requests),
    logitsShared: (requests) => heads.logits(requests),
  }
}

function loadCalls(
  host: EngineHost,
  { config, profile }: Manifest,
  readAhead: ReadAhead,
  loader: GraphLoader,
  spans: LoadedSpans,
): Handlers<'load-blocks' | 'load-rank'> {
  const verdicts = createRowVerdicts()
  const formatsFrom =
    (start: number) =>
    (index: number): string =>
      blockFormats(profile, start + index)
  return {
    'load-blocks': ({ span: id, range, residentBlocks }) => {
      const span = spanOf(config, range, profile.kv)
      const probe = (_: unknown, index: number): RowPadding | null =>
        probeBlock(loader.loadBlock, blockOf(span, range.start + index))
      verdicts.find(span.blocks, probe, formatsFrom(range.start))
      const streaming =
        residentBlocks === null
          ? null
          : { residentBlocks, readAhead: (blocks: BlockRange) => readAhead.read(blocks) }
      spans.add(id, createBlockChain(span, verdicts.paddingOf, loader.loadBlock, streaming))
      return { padding: verdicts.over(span.blocks) }
    },
    'load-rank': async ({ span: id, range, share, mailbox, thread }) => {
      if (share.experts !== null) {
        const span = spanOf(config, range, profile.kv)
        const load = (block: Span): LoadedBlock => loader.loadBlock(block, share.experts)
        const own = createRowVerdicts()
        const probe = (_: unknown, index: number): RowPadding | null =>
          probeBlock(load, blockOf(span, range.start + index))
        own.find(span.blocks, probe, formatsFrom(range.start))
        const sum = await createRankSum(host, mailbox, thread)
        spans.add(id, createExpertChain({ clock: host.clock, span, paddingOf: own.paddingOf, load, sum }))
        return { padding: own.over(span.blocks) }
      }
      const span = shareSpan(spanOf(config, range, profile.kv), share)
      const load = loader.halvesOf(span, share)
      // The matrices of a share have shapes of their own, so whole blocks' verdicts do not hold for them.
      const own = createRowVerdicts()
      const probe = (_: unknown, index: number): RowPadding | null =>
        selfProbeRank(host.clock, blockOf(span, range.start + index), load)
      own.find(span.blocks, probe, formatsFrom(range.start))
      const sum = await createRankSum(host, mailbox, thread)
      spans.add(id, createRankChain({ clock: host.clock, span, paddingOf: own.paddingOf, load, sum }))
      return { padding: own.over(span.blocks) }
    },
  }
}

/** Loads a block to find out how its rows must be padded. */
function probeBlock(load: (block: Span) => LoadedBlock, block: Span): RowPadding | null {
  const loaded = load(block)
  try {
    return selfProbe((padding) => loaded.computer(padding), block)
  } finally {
    loaded.release()
  }
}

function sessionCalls(
  spans: LoadedSpans,
): Handlers<
  'open-session' | 'forward' | 'truncate-session' | 'close-session' | 'export-session' | 'import-session'
> {
  return {
    'open-session': ({ span, session, tokenBudget, part }) => {
      spans.openSession(span, session, spans.chain(span).open(part, tokenBudget))
      return null
    },
    forward: ({ span, session, position, hidden }) => {
      const caches = spans.cachesAt(span, session, position)
      const done = (rows: Float32Array<ArrayBuffer>): CallResult<'forward'> => ({
        hidden: rows,
        keyValueBytes: caches.bytes,
      })
      const rows = spans.chain(span).forward(caches, hidden)
      return rows instanceof Promise ? rows.then(done) : done(rows)
    },
    'truncate-session': ({ span, session, length }) => {
      spans.caches(span, session).truncate(length)
      return null
    },
    'close-session': ({ span, session }) => {
      spans.closeSession(span, session)
      return null
    },
    'export-session': ({ span, session, window }) => ({
      keyValues: spans.caches(span, session).export(window),
    }),
    'import-session': ({ span, session, position, keyValues }) => {
      const caches = spans.cachesAt(span, session, position)
      caches.import(keyValues)
      return { keyValueBytes: caches.bytes }
    },
  }
}
