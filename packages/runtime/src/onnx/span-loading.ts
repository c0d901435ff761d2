import { ShoalError, type Logger } from '@shoal/host'
import type { Manifest } from '@shoal/model'
import type { BlockRunner, Device, LoadOptions, SumThread } from '../block-runner.ts'
import { residentWeightBytes } from '../costs/memory-estimate.ts'
import { streamingWindow } from '../costs/streaming-window.ts'
import { limits } from '../limits.ts'
import { residentSpanBytes, shareSpan } from '../ranks/share-span.ts'
import { createSessionBook, type SessionBook } from '../sessions/session-book.ts'
import { spanOf, type Span } from '../span.ts'
import { checkRange } from '../support.ts'
import type { RowPadding } from './computers/row-padding.ts'
import type { ComputeClient } from './host/compute-client.ts'
import type { RestartingClient } from './host/restarting-client.ts'
import { createMailboxMemory, serveMailbox, type Mailbox } from './host/mailbox.ts'
import { createOnnxRunner, createRankRunner } from './runner.ts'

/** Loads spans on a device's compute host. */
export interface SpanLoading extends Pick<Device, 'loadBlocks' | 'loadRank'> {
  /** Fails the sums that ranks wait for, and all later ones. */
  closeMailboxes(): void
}

/** @param onVerdict called with the padding that each loaded span needs; null when no padding makes rows independent of their grouping */
export function createSpanLoading(
  host: RestartingClient,
  manifest: Manifest,
  logger: Logger,
  onVerdict: (padding: RowPadding | null) => void,
): SpanLoading {
  const { config, profile } = manifest
  const mailboxes = new Set<Mailbox>()
  let spanCount = 0
  const bookOf = (span: Span, weightBytes: number, options: LoadOptions): SessionBook =>
    createSessionBook({
      span,
      contextLength: config.contextLength,
      weightBytes,
      memory: options.memory,
    })
  const note = (what: string, padding: RowPadding | null, fields: Readonly<Record<string, number>>): void => {
    onVerdict(padding)
    logger.debug(what, { ...fields, padding: padding ?? 'not invariant' })
  }
  return {
    async loadBlocks(range, options) {
      checkRange(range, config)
      options.signal?.throwIfAborted()
      const span = spanOf(config, range, profile.kv)
      const window =
        options.streamWeights === true ? streamingWindow(manifest, range, options.memory.freeBytes()) : null
      const weightBytes = window?.windowBytes ?? residentWeightBytes(manifest, range)
      const residentBlocks = window?.residentBlocks ?? null
      const client = host.current()
      const book = bookOf(span, weightBytes, options)
      const id = (spanCount += 1)
      const { padding } = await freeingOnFailure(
        book,
        client.call('load-blocks', { span: id, range, residentBlocks }),
      )
      const count = range.end - range.start
      note('blocks-loaded', padding, { ...range, weightBytes, residentBlocks: residentBlocks ?? count })
      return unlessAborted(createOnnxRunner({ client, id, span, book }), options.signal)
    },
    async loadRank(range, options) {
      checkRange(range, config)
      options.signal?.throwIfAborted()
      const { share, sum } = options
      const span = shareSpan(spanOf(config, range, profile.kv), share)
      const weightBytes = residentSpanBytes(span, profile, share.experts)
      const client = host.current()
      const mailboxMemory = sumMemory(client, config.hiddenSize)
      const book = bookOf(span, weightBytes, options)
      const id = (spanCount += 1)
      const thread: SumThread | null = sum.thread ?? null
      const { padding } = await freeingOnFailure(
        book,
        client.call('load-rank', { span: id, range, share, mailbox: mailboxMemory, thread }),
      )
      const { rank, ranks } = share
      note('rank-loaded', padding, { start: range.start, end: range.end, rank, ranks, weightBytes })
      const mailbox = serveMailbox(mailboxMemory, sum)
      mailboxes.add(mailbox)
      const runner = createRankRunner(createOnnxRunner({ client, id, span, book }), mailbox)
      return unlessAborted(runner, options.signal)
    },
    closeMailboxes() {
      for (const mailbox of mailboxes) mailbox.close()
    },
  }
}

/** Gives the memory of a span back when it cannot be loaded. */
async function freeingOnFailure<Value>(book: SessionBook, loading: Promise<Value>): Promise<Value> {
  try {
    return await loading
  } catch (error) {
    book.release()
    throw error
  }
}

/** Memory for the partial sums of one call. @throws {ShoalError} `unsupported-model` where the engine shares no memory */
function sumMemory(client: ComputeClient, hiddenSize: number): SharedArrayBuffer {
  if (!client.sharesMemory)
    throw new ShoalError(
      'unsupported-model',
      'ranks need --compute thread: their sums go through shared memory',
    )
  return createMailboxMemory(limits.rowsPerCallMax * hiddenSize)
}

/** Loading cannot be interrupted, so what was loaded in vain is released again. */
async function unlessAborted(runner: BlockRunner, signal: AbortSignal | undefined): Promise<BlockRunner> {
  if (signal?.aborted !== true) return runner
  await runner.release()
  signal.throwIfAborted()
  return runner
}
