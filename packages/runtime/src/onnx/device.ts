import type { Logger } from '@shoal/host'
import type { IdentifiedManifest } from '@shoal/model'
import type { Device } from '../block-runner.ts'
import { noNumericClass } from '../probe/no-numeric-class.ts'
import { checkSupported, checkVocabulary } from '../support.ts'
import type { RowPadding } from './computers/row-padding.ts'
import { openEmbeddingFile, type EmbeddingFile } from './embedding-file.ts'
import { startProcessHost } from './host/process-host.ts'
import type { ComputeSettings } from './host/compute-calls.ts'
import type { ComputeHost, ComputeHostListener } from './host/compute-host.ts'
import { createRestartingClient, type RestartingClient } from './host/restarting-client.ts'
import { startThreadHost } from './host/thread-host.ts'
import { createOnnxHead } from './runner.ts'
import { createSpanLoading } from './span-loading.ts'
import { headConfig } from './tensors/head-part.ts'

export interface OnnxDeviceOptions {
  readonly manifest: IdentifiedManifest
  /** Packed folder with the units' files. A unit must be there when it is loaded, not before. */
  readonly folder: string
  /** Threads per call. */
  readonly threads: number
  readonly logger: Logger
  /**
   * The numeric class to report. The fixed probe is then skipped, which takes as long as loading some blocks. Only for uses
   * in which nobody compares bits.
   */
  readonly numericClass?: string
  /**
   * Where the engine runs. `process` keeps a crash of native code away from this process, and cannot load ranks. Default
   * `thread`.
   */
  readonly compute?: ComputePlace | RemoteCompute
}

/** See {@link OnnxDeviceOptions.compute}. */
export type ComputePlace = 'thread' | 'process'

/** An engine that is reached by messages (`startRemoteHost`). It computes blocks, and neither ranks nor heads. */
export interface RemoteCompute {
  readonly kind: 'browser tab'
  /** Called again after the end of the engine, when blocks are to be loaded once more; that host may be over at once. */
  start(settings: ComputeSettings, listener: ComputeHostListener): ComputeHost
}

const startHost = { thread: startThreadHost, process: startProcessHost }

/**
 * The CPU of this machine as a device, with one compute host that owns every onnxruntime session.
 * @throws {ShoalError} `unsupported-model`, `bad-model`, or `compute-failed` when onnxruntime cannot be loaded
 */
export async function createOnnxDevice(options: OnnxDeviceOptions): Promise<Device> {
  const { manifest } = options.manifest
  const { folder, threads, logger, compute = 'thread' } = options
  checkSupported(manifest)
  const settings = { manifest, folder, threads }
  const host = createRestartingClient(logger, (listener) =>
    typeof compute === 'object'
      ? compute.start(settings, listener)
      : startHost[compute](settings, logger, listener),
  )
  let numericClass = options.numericClass ?? (await probedClass(host))
  const onVerdict = (padding: RowPadding | null): void => {
    if (padding === null) numericClass = noNumericClass
  }
  const spans = createSpanLoading(host, manifest, logger, onVerdict)
  let headCount = 0
  const files = new Set<EmbeddingFile>()
  return {
    kind: typeof compute === 'object' ? compute.kind : 'cpu',
    threads,
    get numericClass() {
      return numericClass
    },
    loadBlocks: spans.loadBlocks,
    loadRank: spans.loadRank,
    async loadHead(vocabulary) {
      checkVocabulary(vocabulary, manifest.config)
      return createOnnxHead(
        async () => {
          const client = host.current()
          const id = (headCount += 1)
          const { padding } = await client.call('load-head', { span: id, vocabulary: vocabulary ?? null })
          onVerdict(padding)
          return { client, id }
        },
        headConfig(manifest.config, vocabulary ?? null),
      )
    },
    async loadEmbedding() {
      const file = await openEmbeddingFile(manifest, folder)
      files.add(file)
      return file.table
    },
    async close() {
      // Ends the exchanges of sums first: an engine that waits for other ranks would never stop.
      spans.closeMailboxes()
      await host.stop()
      for (const file of files) await file.close()
    },
  }
}

async function probedClass(host: RestartingClient): Promise<string> {
  try {
    return (await host.current().call('numeric-class', null)).numericClass
  } catch (error) {
    await host.stop()
    throw error
  }
}
