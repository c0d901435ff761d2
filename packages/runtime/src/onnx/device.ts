import type { Logger } from '@shoal/host'
import type { IdentifiedManifest } from '@shoal/model'
import type { Device } from '../block-runner.ts'
import { noNumericClass } from '../probe/no-numeric-class.ts'
import { checkSupported, checkVocabulary } from '../support.ts'
import type { RowPadding } from './computers/row-padding.ts'
import { openEmbeddingFile, type EmbeddingFile } from './embedding-file.ts'
import { createComputeClient, type ComputeClient } from './host/compute-client.ts'
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
}

/**
 * The CPU of this machine as a device, with one compute host that owns every onnxruntime session.
 * @throws {ShoalError} `unsupported-model`, `bad-model`, or `compute-failed` when onnxruntime cannot be loaded
 */
export async function createOnnxDevice(options: OnnxDeviceOptions): Promise<Device> {
  const { manifest } = options.manifest
  const { folder, threads, logger } = options
  checkSupported(manifest)
  const client = createComputeClient((listener) =>
    startThreadHost({ manifest, folder, threads }, logger, listener),
  )
  let numericClass = options.numericClass ?? (await probedClass(client))
  const onVerdict = (padding: RowPadding | null): void => {
    if (padding === null) numericClass = noNumericClass
  }
  const spans = createSpanLoading(client, manifest, logger, onVerdict)
  let headCount = 0
  const files = new Set<EmbeddingFile>()
  return {
    kind: 'cpu',
    threads,
    get numericClass() {
      return numericClass
    },
    loadBlocks: spans.loadBlocks,
    loadRank: spans.loadRank,
    async loadHead(vocabulary) {
      checkVocabulary(vocabulary, manifest.config)
      const id = (headCount += 1)
      const { padding } = await client.call('load-head', { span: id, vocabulary: vocabulary ?? null })
      onVerdict(padding)
      return createOnnxHead(client, id, headConfig(manifest.config, vocabulary ?? null))
    },
    async loadEmbedding() {
      const file = await openEmbeddingFile(manifest, folder)
      files.add(file)
      return file.table
    },
    async close() {
      // The engine may be waiting for other ranks, and would wait for ever.
      spans.closeMailboxes()
      await client.stop()
      for (const file of files) await file.close()
    },
  }
}

async function probedClass(client: ComputeClient): Promise<string> {
  try {
    return (await client.call('numeric-class', null)).numericClass
  } catch (error) {
    await client.stop()
    throw error
  }
}
