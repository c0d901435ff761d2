import type { HeadSpec, KeyValueFormat } from '@shoal/model'
import type { BlockRunner, HeadRunner } from '../block-runner.ts'
import type { SessionBook } from '../sessions/session-book.ts'
import { checkRows } from '../sessions/session-rules.ts'
import { hiddenSizeOf, type Span } from '../span.ts'
import { softCapped } from '../tensors/soft-cap.ts'
import { multiply, scale } from './arithmetic.ts'
import type { BlockCache, Rotation } from './attention.ts'
import { forwardBlock, type BlockWeights } from './block.ts'
import { createCachedRunner } from './cached-runner.ts'
import { normalise, type NormWeights } from './norms.ts'
import { createRotations } from './rotation.ts'

interface ReferenceParts {
  readonly span: Span
  /** What keys and values are rounded to. They are kept in float32 all the same. */
  readonly kv: KeyValueFormat
  readonly book: SessionBook
  /** Weights of the span's blocks, in block order. */
  readonly weights: readonly BlockWeights[]
}

/** Whole blocks in plain TypeScript: the oracle of the other devices, and of simulations. */
export function createReferenceRunner({ span, kv, book, weights }: ReferenceParts): BlockRunner {
  const hiddenSize = hiddenSizeOf(span)
  const rotationsAt = createRotations(span.blocks)
  return createCachedRunner<BlockCache>({
    span,
    book,
    createCache: () => ({ keys: [], values: [], kv }),
    compute(caches, first, position, hidden, tokenBudget) {
      const output = new Float32Array(hidden.length)
      for (let at = 0; at < hidden.length; at += hiddenSize) {
        const rotations = rotationsAt(position + at / hiddenSize, tokenBudget)
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
  { hiddenSize, vocabularySize, norm: kind, normEpsilon, logitScale, logitSoftCap }: HeadSpec,
  norm: NormWeights,
  projection: Float32Array,
): HeadRunner {
  return {
    async logits(hidden, into) {
      const rows = checkRows(hidden.length, hiddenSize)
      const logits: Float32Array =
        into?.subarray(0, rows * vocabularySize) ?? new Float32Array(rows * vocabularySize)
      for (let row = 0; row < rows; row += 1) {
        const own = hidden.subarray(row * hiddenSize, (row + 1) * hiddenSize)
        const projected = multiply(projection, normalise(kind, own, norm, normEpsilon))
        logits.set(softCapped(scale(projected, logitScale), logitSoftCap), row * vocabularySize)
      }
      return logits
    },
    release: () => Promise.resolve(),
  }
}
