import {
  blockSpec,
  formatProfile,
  headSpec,
  parseProfile,
  sha256Hex,
  type HeadSpec,
  type IdentifiedManifest,
  type IndexRange,
  type KeyValueFormat,
  type NumericProfile,
} from '@shoal/model'
import type { Device, LoadOptions } from '../block-runner.ts'
import { createEmbeddingTable } from '../tensors/embedding.ts'
import { residentSpanBytes, shareSpan } from '../ranks/share-span.ts'
import { spanOf, type Span } from '../span.ts'
import { checkRange, checkSupported, checkVocabulary } from '../support.ts'
import { floatTensors, type FloatTensors, type TensorReader } from '../tensors/tensor-reader.ts'
import { createSessionBook, type SessionBook } from '../sessions/session-book.ts'
import type { BlockWeights } from './block.ts'
import type { NormWeights } from './norms.ts'
import { createReferenceHead, createReferenceRunner } from './runner.ts'
import { createReferenceRank } from './rank-runner.ts'
import { readBlock, readShare } from './weights.ts'

export interface ReferenceDeviceOptions {
  readonly manifest: IdentifiedManifest
  readonly readTensor: TensorReader
}

interface LoadedSpan {
  readonly span: Span
  readonly kv: KeyValueFormat
  readonly book: SessionBook
  readonly weights: BlockWeights[]
}

/** Raise with every change that may change a bit. */
const referenceVersion = 1

/**
 * A device in plain TypeScript: float32 with float64 sums, weights dequantised. Slow and exact, it is the oracle of the
 * onnx device, and small enough for a browser or a simulator. It computes on the calling thread.
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
  const widened = parseProfile('f32')
  const loadSpan = async (
    span: Span,
    { memory, signal }: LoadOptions,
    read: (block: number) => Promise<BlockWeights>,
    experts: IndexRange | null = null,
  ): Promise<LoadedSpan> => {
    const book = createSessionBook({
      span,
      contextLength: config.contextLength,
      weightBytes: residentSpanBytes(span, widened, experts),
      memory,
    })
    const weights: BlockWeights[] = []
    try {
      for (let block = span.range.start; block < span.range.end; block += 1) {
        signal?.throwIfAborted()
        weights.push(await read(block))
      }
    } catch (error) {
      book.release()
      throw error
    }
    return { span, kv: profile.kv, book, weights }
  }
  return {
    kind: 'reference',
    threads: 1,
    numericClass: referenceClass(profile),
    async loadBlocks(range, options) {
      checkRange(range, config)
      const span = spanOf(config, range, 'f32')
      return createReferenceRunner(
        await loadSpan(span, options, (block) => readBlock(blockSpec(config, block), tensors, block)),
      )
    },
    async loadRank(range, options) {
      checkRange(range, config)
      const { share, sum } = options
      const read = (block: number): Promise<BlockWeights> =>
        readShare(blockSpec(config, block), tensors, block, share)
      const loaded = await loadSpan(
        shareSpan(spanOf(config, range, 'f32'), share),
        options,
        read,
        share.experts,
      )
      return createReferenceRank({ ...loaded, sum, shared: share.experts === null ? 'columns' : 'experts' })
    },
    async loadHead(vocabulary = { start: 0, end: config.vocabularySize }) {
      checkVocabulary(vocabulary, config)
      const head = headSpec(config)
      const { vocabularySize, hiddenSize } = head
      const { start, end } = vocabulary
      const shape = { rows: vocabularySize, columns: hiddenSize }
      const projection = await tensors.rows(head.tiedEmbeddings ? 'embed' : 'head', shape, start, end)
      const part = { ...head, vocabularySize: end - start }
      return createReferenceHead(part, await headNorm(head, tensors), projection)
    },
    loadEmbedding: async () => createEmbeddingTable(config, tensors, () => Promise.resolve()),
    close: () => Promise.resolve(),
  }
}

async function headNorm({ norm, hiddenSize }: HeadSpec, tensors: FloatTensors): Promise<NormWeights> {
  const read = (name: string): Promise<Float32Array> => tensors.floats(name, [hiddenSize])
  return {
    weight: await read('head.norm'),
    bias: norm === 'biased-layer' ? await read('head.norm.bias') : null,
  }
}

/**
 * Sums and products are IEEE's everywhere; exp, sin and cos are the JavaScript engine's own, so samples of their values
 * are part of the class.
 */
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
