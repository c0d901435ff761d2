import type { ModelConfig } from '@shoal/model'
import type { BlockRunner, HeadRunner } from '../block-runner.ts'
import type { SessionBook } from '../sessions/session-book.ts'
import { checkRows } from '../sessions/session-rules.ts'
import { hiddenSizeOf, type Span } from '../span.ts'
import { multiply, rmsNorm } from './arithmetic.ts'
import { forwardBlock, type BlockCache, type BlockWeights, type Rotation } from './block.ts'
import { createCachedRunner } from './cached-runner.ts'
import { createRotations } from './rotation.ts'

interface ReferenceParts {
  readonly span: Span
  readonly book: SessionBook
  /** Weights of the span's blocks, in block order. */
  readonly weights: readonly BlockWeights[]
}

/** Whole blocks in plain TypeScript: the oracle of the other devices, and of simulations. */
export function createReferenceRunner({ span, book, weights }: ReferenceParts): BlockRunner {
  const hiddenSize = hiddenSizeOf(span)
  const rotationsAt = createRotations(span.blocks)
  return createCachedRunner<BlockCache>({
    span,
    book,
    createCache: () => ({ keys: [], values: [] }),
    compute(caches, first, position, hidden) {
      const output = new Float32Array(hidden.length)
      for (let at = 0; at < hidden.length; at += hiddenSize) {
        const rotations = rotationsAt(position + at / hiddenSize)
        let state: Float32Array = hidden.slice(at, at + hiddenSize)
        for (const [index, cache] of caches.entries()) {
          const block = first + index
          const [spec, own, rotation] = [span.blocks[block], weights[block], rotations[block] as Rotation]
          if (spec === undefined || own === undefined)
            throw new Error(`block ${block} of the span is missing`)
          state = forwardBlock(spec, own, cache, state, rotation)
        }
        output.set(state, at)
      }
      return output
    },
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
