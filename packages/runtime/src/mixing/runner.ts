import { cachedRows, type IndexRange, type ModelConfig } from '@shoal/model'
import type { BlockRunner, HeadRunner } from '../block-runner.ts'
import { createCachedRunner } from '../reference/cached-runner.ts'
import type { SessionBook } from '../sessions/session-book.ts'
import { checkRows } from '../sessions/session-rules.ts'
import { hiddenSizeOf, type Span } from '../span.ts'
import { hashRow, mix, mixBlock, type MixedCache } from './mix.ts'

interface MixingParts {
  readonly span: Span
  readonly book: SessionBook
  /** A hash of each block's weights, in block order. */
  readonly seeds: readonly number[]
}

/** A block runner without matrices. */
export function createMixingRunner({ span, book, seeds }: MixingParts): BlockRunner {
  const hiddenSize = hiddenSizeOf(span)
  const widths = span.blocks.map(({ attention }) =>
    cachedRows(attention).map(({ heads, size }) => heads * size),
  )
  return createCachedRunner<MixedCache>({
    span,
    book,
    createCache: () => ({ keys: [], values: [], digests: [] }),
    cut({ digests }, length) {
      digests.length = Math.min(digests.length, length)
    },
    compute(caches, first, _position, hidden) {
      const output = hidden.slice()
      for (let at = 0; at < output.length; at += hiddenSize) {
        const state = output.subarray(at, at + hiddenSize)
        for (const [index, cache] of caches.entries())
          mixBlock(seeds[first + index] ?? 0, widths[first + index] ?? [], cache, state)
      }
      return output
    },
  })
}

/** Logits lie in [0, 8): neither so flat nor so steep that greedy or sampled tokens would hardly vary. */
const logitScale = 8 / 2 ** 32

/** @param seed hash of the head's weights */
export function createMixingHead(
  { hiddenSize }: ModelConfig,
  { start, end }: IndexRange,
  seed: number,
): HeadRunner {
  const width = end - start
  return {
    async logits(hidden, into) {
      const rows = checkRows(hidden.length, hiddenSize)
      const logits: Float32Array = into?.subarray(0, rows * width) ?? new Float32Array(rows * width)
      for (let row = 0; row < rows; row += 1) {
        const hash = hashRow(seed, hidden.subarray(row * hiddenSize, (row + 1) * hiddenSize))
        for (let index = 0; index < width; index += 1)
          logits[row * width + index] = mix(hash, start + index) * logitScale
      }
      return logits
    },
    release: () => Promise.resolve(),
  }
}
