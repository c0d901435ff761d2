import type { BlockRange, ModelConfig } from '@shoal/model'
import type { BlockRunner, HeadRunner } from '../block-runner.ts'
import { keyValueBytesPerPosition } from '../key-value-size.ts'
import { resolveWindow, type ResolvedWindow } from '../key-value-window.ts'
import { inverseFrequencies } from '../rope.ts'
import { checkRows, type SessionBook } from '../session-book.ts'
import { multiply, rmsNorm } from './arithmetic.ts'
import { forwardBlock, type BlockCache, type BlockWeights, type Rotation } from './block.ts'

interface ReferenceParts {
  readonly config: ModelConfig
  readonly range: BlockRange
  readonly book: SessionBook
  /** In block order. */
  readonly blocks: readonly BlockWeights[]
}

/** Computes at once, on the calling thread: for oracles and simulations. */
export function createReferenceRunner({ config, range, book, blocks }: ReferenceParts): BlockRunner {
  const { hiddenSize } = config
  const sessions = new Map<string, { readonly part: BlockRange; readonly caches: readonly BlockCache[] }>()
  const rotationAt = rotations(config)
  const find = (session: string): { readonly part: BlockRange; readonly caches: readonly BlockCache[] } => sessions.get(session) ?? { part: range, caches: [] }

  return {
    range,
    hiddenSize,
    async open(session, tokenBudget, part = range) {
      book.open(session, tokenBudget, part)
      sessions.set(session, { part, caches: Array.from({ length: part.end - part.start }, () => ({ keys: [], values: [] })) })
    },
    async forward(session, position, hidden) {
      const accepted = book.accept(session, position, hidden.length)
      const output = new Float32Array(hidden.length)
      const { part, caches } = find(session)
      for (let row = 0; row < accepted.rows; row += 1) {
        const rotation = rotationAt(position + row)
        let state: Float32Array = hidden.slice(row * hiddenSize, (row + 1) * hiddenSize)
        caches.forEach((cache, index) => {
          state = forwardBlock(config, blocks[part.start - range.start + index] as BlockWeights, cache, state, rotation)
        })
        output.set(state, row * hiddenSize)
      }
      accepted.succeed(caches.length * keyValueBytesPerPosition(config) * (position + accepted.rows))
      return output
    },
    length: (session) => book.length(session),
    async truncate(session, length) {
      book.truncate(session, length)
      for (const { keys, values } of find(session).caches) {
        keys.length = length
        values.length = length
      }
    },
    async close(session) {
      book.close(session)
      sessions.delete(session)
    },
    async exportKeyValues(session, window = {}) {
      const length = book.length(session)
      const { part, caches } = find(session)
      return exportCaches(config, caches, resolveWindow(window, { part, length }))
    },
    async importKeyValues(session, position, keyValues) {
      const accepted = book.acceptKeyValues(session, position, keyValues.length)
      const { caches } = find(session)
      importCaches(config, caches, accepted.rows, keyValues)
      accepted.succeed(caches.length * keyValueBytesPerPosition(config) * (position + accepted.rows))
    },
    memory: () => book.memory(),
    async release() {
      book.release()
      sessions.clear()
    },
  }
}

/** Rotation by position. */
export function rotations({ rope, headSize }: ModelConfig): (position: number) => Rotation {
  const frequencies = inverseFrequencies(rope, headSize)
  return (position) => ({
    cosines: Float32Array.from(frequencies, (frequency) => Math.cos(position * frequency)),
    sines: Float32Array.from(frequencies, (frequency) => Math.sin(position * frequency)),
  })
}

/** Of the window's blocks keys then values, `[keyValueHeads, positions, headSize]`. */
export function exportCaches({ keyValueHeadCount, headSize }: ModelConfig, caches: readonly BlockCache[], { from, to, first, end }: ResolvedWindow): Float32Array {
  const kinds = caches.slice(first, end).flatMap(({ keys, values }) => [keys, values])
  const whole = new Float32Array(kinds.length * keyValueHeadCount * (to - from) * headSize)
  let at = 0
  for (const rows of kinds) {
    for (let head = 0; head < keyValueHeadCount; head += 1) {
      for (const row of rows.slice(from, to)) {
        whole.set(row.subarray(head * headSize, (head + 1) * headSize), at)
        at += headSize
      }
    }
  }
  return whole
}

/** Appends `count` positions of all blocks, as {@link exportCaches} gives them. */
export function importCaches({ keyValueHeadCount, headSize }: ModelConfig, caches: readonly BlockCache[], count: number, keyValues: Float32Array): void {
  let at = 0
  for (const rows of caches.flatMap(({ keys, values }) => [keys, values])) {
    const added = Array.from({ length: count }, () => new Float32Array(keyValueHeadCount * headSize))
    for (let head = 0; head < keyValueHeadCount; head += 1) {
      for (const row of added) {
        row.set(keyValues.subarray(at, at + headSize), head * headSize)
        at += headSize
      }
    }
    rows.push(...added)
  }
}

/** @param projection float32 `[vocabularySize, hiddenSize]` */
export function createReferenceHead({ hiddenSize, vocabularySize, normEpsilon }: ModelConfig, norm: Float32Array, projection: Float32Array): HeadRunner {
  return {
    async logits(hidden, into) {
      const rows = checkRows(hidden.length, hiddenSize)
      const logits: Float32Array = into?.subarray(0, rows * vocabularySize) ?? new Float32Array(rows * vocabularySize)
      for (let row = 0; row < rows; row += 1) {
        const normed = rmsNorm(hidden.subarray(row * hiddenSize, (row + 1) * hiddenSize), norm, normEpsilon)
        logits.set(multiply(projection, normed), row * vocabularySize)
      }
      return logits
    },
    release: () => Promise.resolve(),
  }
}
