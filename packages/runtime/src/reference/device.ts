import {
  formatProfile,
  sha256Hex,
  unitBytes,
  unitsOfRange,
  type IdentifiedManifest,
  type NumericProfile,
} from '@shoal/model'
import type { Device } from '../block-runner.ts'
import { createEmbeddingTable } from '../embedding.ts'
import { residentShareBytes, shareConfig } from '../ranks/share-config.ts'
import { checkRange, checkSupported, checkVocabulary } from '../support.ts'
import { floatTensors, type TensorReader } from '../tensor-reader.ts'
import { createSessionBook } from '../session-book.ts'
import type { BlockWeights } from './block.ts'
import { createReferenceHead, createReferenceRunner } from './runner.ts'
import { createReferenceRank } from './rank-runner.ts'
import { readBlock, readShare } from './weights.ts'

export interface ReferenceDeviceOptions {
  readonly manifest: IdentifiedManifest
  readonly readTensor: TensorReader
}

/** Raise with every change that may change a bit. */
const referenceVersion = 1

/**
 * A device in plain TypeScript, float32 with float64 sums, weights dequantised. Slow and exact: the oracle of the other
 * one, and small enough for a browser or a simulator. It computes on the calling thread.
 *
 * @throws {ShoalError} `unsupported-model`, `bad-model`
 */
export async function createReferenceDevice({
  manifest: { manifest },
  readTensor,
}: ReferenceDeviceOptions): Promise<Device> {
  checkSupported(manifest)
  const { config, profile } = manifest
  const tensors = floatTensors(manifest, readTensor)
  const widened: NumericProfile = { ...profile, weights: 'f32', blockSize: 0 }
  return {
    kind: 'reference',
    threads: 1,
    numericClass: referenceClass(profile),
    async loadBlocks(range, { memoryLimitBytes, otherBytes, signal }) {
      checkRange(range, config)
      const weightBytes = unitsOfRange(range).reduce((sum, unit) => sum + unitBytes(config, widened, unit), 0)
      const book = createSessionBook({ config, range, weightBytes, limitBytes: memoryLimitBytes, otherBytes })
      const blocks: BlockWeights[] = []
      for (let block = range.start; block < range.end; block += 1) {
        signal?.throwIfAborted()
        blocks.push(await readBlock(config, tensors, block))
      }
      return createReferenceRunner({ config, range, book, blocks })
    },
    async loadRank(range, { share, sum, memoryLimitBytes, otherBytes, signal }) {
      checkRange(range, config)
      const own = shareConfig(config, share)
      const book = createSessionBook({
        config: own,
        range,
        weightBytes: residentShareBytes(config, widened, range, share),
        limitBytes: memoryLimitBytes,
        otherBytes,
      })
      const blocks: BlockWeights[] = []
      for (let block = range.start; block < range.end; block += 1) {
        signal?.throwIfAborted()
        blocks.push(await readShare(config, tensors, block, share))
      }
      return createReferenceRank({ config: own, range, book, blocks, sum })
    },
    async loadHead(vocabulary = { start: 0, end: config.vocabularySize }) {
      checkVocabulary(vocabulary, config)
      const { vocabularySize, hiddenSize } = config
      const name = config.tiedEmbeddings ? 'embed' : 'head'
      const projection = await tensors.rows(
        name,
        { rows: vocabularySize, columns: hiddenSize },
        vocabulary.start,
        vocabulary.end,
      )
      return createReferenceHead(
        { ...config, vocabularySize: vocabulary.end - vocabulary.start },
        await tensors.vector('head.norm', hiddenSize),
        projection,
      )
    },
    loadEmbedding: async () => createEmbeddingTable(config, tensors, () => Promise.resolve()),
    close: () => Promise.resolve(),
  }
}

/** Sums and products are IEEE's everywhere; exp, sin and cos are the JavaScript engine's own, so they are part of it. */
function referenceClass(profile: NumericProfile): string {
  const samples = Array.from({ length: 64 }, (_, index) => [
    Math.exp(index / -7),
    Math.cos(index * 1.7),
    Math.sin(index * 1.7),
    1e4 ** (index / -64),
  ])
  const text = JSON.stringify(['reference', referenceVersion, formatProfile(profile), samples])
  return sha256Hex(new TextEncoder().encode(text)).slice(0, 32)
}
