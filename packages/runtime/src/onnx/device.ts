import { ShoalError, type Logger } from '@shoal/host'
import type { IdentifiedManifest } from '@shoal/model'
import { readSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Device } from '../block-runner.ts'
import { createEmbeddingTable } from '../embedding.ts'
import { limits } from '../limits.ts'
import { residentWeightBytes } from '../costs/memory-estimate.ts'
import { noNumericClass } from '../probe/no-numeric-class.ts'
import { residentShareBytes, shareConfig } from '../ranks/share-config.ts'
import { createSessionBook } from '../session-book.ts'
import { checkRange, checkSupported, checkVocabulary } from '../support.ts'
import { floatTensors, type TensorReader } from '../tensor-reader.ts'
import { indexWeights } from '../weights.ts'
import { startComputeWorker, type ComputeWorker } from './thread/compute-worker.ts'
import { headConfig } from './computers/head-part.ts'
import { createMailboxMemory, serveMailbox, type Mailbox } from './thread/mailbox.ts'
import { createOnnxHead, createOnnxRunner, createRankRunner } from './runner.ts'

export interface OnnxDeviceOptions {
  readonly manifest: IdentifiedManifest
  /** Packed folder: the units' files. A unit must be there when it is loaded, not before. */
  readonly folder: string
  /** Threads per call. */
  readonly threads: number
  readonly logger: Logger
  /** What it is said to be in, where nobody compares its bits: finding it out takes as long as loading some blocks. */
  readonly numericClass?: string
}

/**
 * The CPU of this machine as a device: one worker thread that owns every onnxruntime session.
 * @throws {ShoalError} `unsupported-model`, `bad-model`, or `compute-failed` when onnxruntime cannot be loaded
 */
export async function createOnnxDevice({
  manifest: { manifest },
  folder,
  threads,
  logger,
  numericClass: given,
}: OnnxDeviceOptions): Promise<Device> {
  checkSupported(manifest)
  const { config } = manifest
  const worker = startComputeWorker({ manifest, folder, threads }, logger)
  let numericClass = given ?? (await probed(worker))
  const files = new Set<FileHandle>()
  const mailboxes = new Set<Mailbox>()
  let nextSpan = 0
  const takeSpan = (): number => (nextSpan += 1)

  return {
    kind: 'cpu',
    threads,
    get numericClass() {
      return numericClass
    },
    async loadBlocks(range, { memoryLimitBytes, otherBytes, signal }) {
      checkRange(range, config)
      signal?.throwIfAborted()
      const weightBytes = residentWeightBytes(manifest, range)
      const book = createSessionBook({ config, range, weightBytes, limitBytes: memoryLimitBytes, otherBytes })
      const span = takeSpan()
      const { padding } = await worker.call('load-blocks', { span, range })
      if (padding === null) numericClass = noNumericClass
      logger.debug('blocks-loaded', {
        start: range.start,
        end: range.end,
        weightBytes,
        padding: padding ?? 'not invariant',
      })
      const runner = createOnnxRunner({ worker, span, range, config, book })
      if (signal?.aborted === true) {
        await runner.release()
        signal.throwIfAborted()
      }
      return runner
    },
    async loadRank(range, { share, sum, memoryLimitBytes, otherBytes, signal }) {
      checkRange(range, config)
      signal?.throwIfAborted()
      const own = shareConfig(config, share)
      const weightBytes = residentShareBytes(config, manifest.profile, range, share)
      const book = createSessionBook({
        config: own,
        range,
        weightBytes,
        limitBytes: memoryLimitBytes,
        otherBytes,
      })
      const span = takeSpan()
      const memory = createMailboxMemory(limits.rowsPerCallMax * config.hiddenSize)
      const { padding } = await worker.call('load-rank', {
        span,
        range,
        share,
        mailbox: memory,
        thread: sum.thread ?? null,
      })
      if (padding === null) numericClass = noNumericClass
      logger.debug('rank-loaded', {
        start: range.start,
        end: range.end,
        rank: share.rank,
        ranks: share.ranks,
        weightBytes,
        padding: padding ?? 'not invariant',
      })
      const mailbox = serveMailbox(memory, sum)
      mailboxes.add(mailbox)
      const runner = createRankRunner(createOnnxRunner({ worker, span, range, config: own, book }), mailbox)
      if (signal?.aborted === true) {
        await runner.release()
        signal.throwIfAborted()
      }
      return runner
    },
    async loadHead(vocabulary) {
      checkVocabulary(vocabulary, config)
      const span = takeSpan()
      const { padding } = await worker.call('load-head', { span, vocabulary: vocabulary ?? null })
      if (padding === null) numericClass = noNumericClass
      return createOnnxHead(worker, span, headConfig(config, vocabulary ?? null))
    },
    async loadEmbedding() {
      const file = await open(join(folder, 'embed.bin'))
      files.add(file)
      const index = indexWeights(manifest)
      const read: TensorReader = async (name, offset, length) => {
        const bytes = new Uint8Array(length)
        const position = index.find(name).offset + offset
        // A row is a few kilobytes of a file that stays in the page cache: microseconds, where a turn through the thread
        // pool costs every token a quarter of a millisecond.
        const bytesRead =
          length <= limits.embeddingSyncBytesMax
            ? readSync(file.fd, bytes, 0, length, position)
            : (await file.read(bytes, 0, length, position)).bytesRead
        if (bytesRead !== length) throw new ShoalError('bad-model', `embed.bin ends inside ${name}`)
        return bytes
      }
      return createEmbeddingTable(config, floatTensors(manifest, read), () => file.close())
    },
    async close() {
      // The thread may be waiting for other ranks, which may wait for ever.
      for (const mailbox of mailboxes) mailbox.close()
      await worker.stop()
      // Closing a file twice does nothing: an embedding table may have been released before.
      for (const file of files) await file.close()
    },
  }
}

async function probed(worker: ComputeWorker): Promise<string> {
  try {
    return (await worker.call('numeric-class', null)).numericClass
  } catch (error) {
    await worker.stop()
    throw error
  }
}
