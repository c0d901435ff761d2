import type { BlockRange, ModelConfig } from '@shoal/model'
import type { BlockRunner, HeadRunner } from '../block-runner.ts'
import { inverseFrequencies } from '../rope.ts'
import { checkRows, type SessionBook } from '../session-book.ts'
import { multiply, rmsNorm } from './arithmetic.ts'
import { forwardBlock, type BlockCache, type BlockWeights, type Rotation } from './block.ts'
import { createCachedRunner } from './cached-runner.ts'

interface ReferenceParts {
  readonly config: ModelConfig
  readonly range: BlockRange
  readonly book: SessionBook
  /** In block order. */
  readonly blocks: readonly BlockWeights[]
}

/** The oracle, also of simulations. */
export function createReferenceRunner({ config, range, book, blocks }: ReferenceParts): BlockRunner {
  const { hiddenSize } = config
  const rotationAt = rotations(config)
  return createCachedRunner<BlockCache>({
    config,
    range,
    book,
    createCache: () => ({ keys: [], values: [] }),
    compute(caches, first, position, hidden) {
      const output = new Float32Array(hidden.length)
      for (let at = 0; at < hidden.length; at += hiddenSize) {
        const rotation = rotationAt(position + at / hiddenSize)
        let state: Float32Array = hidden.slice(at, at + hiddenSize)
        caches.forEach((cache, index) => {
          state = forwardBlock(config, blocks[first + index] as BlockWeights, cache, state, rotation)
        })
        output.set(state, at)
      }
      return output
    },
  })
}

/** Rotation by position. */
export function rotations({ rope, headSize }: ModelConfig): (position: number) => Rotation {
  const frequencies = inverseFrequencies(rope, headSize)
  return (position) => ({
    cosines: Float32Array.from(frequencies, (frequency) => Math.cos(position * frequency)),
    sines: Float32Array.from(frequencies, (frequency) => Math.sin(position * frequency)),
  })
}

/** @param projection float32 `[vocabularySize, hiddenSize]` */
export function createReferenceHead(
  { hiddenSize, vocabularySize, normEpsilon }: ModelConfig,
  norm: Float32Array,
  projection: Float32Array,
): HeadRunner {
  return {
    async logits(hidden, into) {
      const rows = checkRows(hidden.length, hiddenSize)
      const logits: Float32Array =
        into?.subarray(0, rows * vocabularySize) ?? new Float32Array(rows * vocabularySize)
      for (let row = 0; row < rows; row += 1) {
        const normed = rmsNorm(hidden.subarray(row * hiddenSize, (row + 1) * hiddenSize), norm, normEpsilon)
        logits.set(multiply(projection, normed), row * vocabularySize)
      }
      return logits
    },
    release: () => Promise.resolve(),
  }
}
