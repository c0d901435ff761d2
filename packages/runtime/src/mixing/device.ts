import { ShoalError } from '@shoal/host'
import {
  formatProfile,
  isHeadNorm,
  rangeBytes,
  unitOf,
  unitsOfRange,
  type IdentifiedManifest,
} from '@shoal/model'
import type { Device } from '../block-runner.ts'
import { createEmbeddingTable } from '../tensors/embedding.ts'
import { createSessionBook } from '../sessions/session-book.ts'
import { spanOf } from '../span.ts'
import { checkRange } from '../support.ts'
import { floatTensors, type TensorReader } from '../tensors/tensor-reader.ts'
import { mix } from './mix.ts'
import { createMixingHead, createMixingRunner } from './runner.ts'

export interface MixingDeviceOptions {
  readonly manifest: IdentifiedManifest
  readonly readTensor: TensorReader
}

/** Raise with every change that may change a bit. */
const mixingVersion = 1

/**
 * A device that replaces matrices by a few integer operations and keeps everything a session relies on: a row depends on
 * all rows before it in its session, on the block and on the block's weights, and on nothing else; the KV cache has its real
 * size and can be truncated, exported and imported. Its output is no language. It is for simulations of swarms that are
 * too large for real arithmetic; how long computing takes is up to the caller.
 */
export function createMixingDevice({ manifest: { manifest }, readTensor }: MixingDeviceOptions): Device {
  const { config, profile } = manifest
  const tensors = floatTensors(manifest, readTensor)
  /** A hash of all bytes of some tensors, so that wrong weights give wrong tokens. */
  const seedOf = async (isMeant: (tensor: string) => boolean): Promise<number> => {
    let seed = mixingVersion
    for (const { name, bytes } of manifest.tensors.filter((tensor) => isMeant(tensor.name)))
      for (const byte of await readTensor(name, 0, bytes)) seed = mix(seed, byte)
    return seed
  }
  return {
    kind: 'reference',
    threads: 1,
    numericClass: `mixing-${mixingVersion} ${formatProfile(profile)}`,
    async loadBlocks(range, { memory, signal }) {
      checkRange(range, config)
      const weightBytes = rangeBytes(config, profile, range)
      const span = spanOf(config, range, profile.kv)
      const { contextLength } = config
      const book = createSessionBook({ span, contextLength, weightBytes, memory })
      try {
        const seeds: number[] = []
        for (let block = range.start; block < range.end; block += 1) {
          signal?.throwIfAborted()
          const own = new Set(unitsOfRange(config, { start: block, end: block + 1 }))
          seeds.push(await seedOf((name) => own.has(unitOf(name))))
        }
        return createMixingRunner({ span, book, seeds })
      } catch (error) {
        book.release()
        throw error
      }
    },
    loadRank: () =>
      Promise.reject(
        new ShoalError('unsupported-model', 'a mixing device has no matrices that ranks could share'),
      ),
    loadHead: async (vocabulary = { start: 0, end: config.vocabularySize }) =>
      createMixingHead(
        config,
        vocabulary,
        await seedOf(
          (name) => isHeadNorm(name) || unitOf(name) === (config.tiedEmbeddings ? 'embed' : 'head'),
        ),
      ),
    loadEmbedding: async () => createEmbeddingTable(config, tensors, () => Promise.resolve()),
    close: () => Promise.resolve(),
  }
}
