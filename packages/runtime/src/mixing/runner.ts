import type { BlockRange, ModelConfig } from '@shoal/model'
import type { BlockRunner, HeadRunner } from '../block-runner.ts'
import { keyValueBytesPerPosition } from '../key-value-size.ts'
import { resolveWindow } from '../key-value-window.ts'
import { exportCaches, importCaches } from '../reference/runner.ts'
import { checkRows, type SessionBook } from '../session-book.ts'
import { hashRow, mix, mixBlock, type MixedCache } from './mix.ts'

interface MixingParts {
  readonly config: ModelConfig
  readonly range: BlockRange
  readonly book: SessionBook
  /** Of the weights of each block, in block order. */
  readonly seeds: readonly number[]
}

interface MixedSession {
  readonly part: BlockRange
  readonly caches: readonly MixedCache[]
}

/** Computes at once, on the calling thread: what is left of a block runner without its matrices. */
export function createMixingRunner({ config, range, book, seeds }: MixingParts): BlockRunner {
  const { hiddenSize } = config
  const width = config.keyValueHeadCount * config.headSize
  const sessions = new Map<string, MixedSession>()
  const find = (session: string): MixedSession => sessions.get(session) ?? { part: range, caches: [] }
  const bytesOf = (caches: readonly MixedCache[], positions: number): number => caches.length * keyValueBytesPerPosition(config) * positions

  return {
    range,
    hiddenSize,
    async open(session, tokenBudget, part = range) {
      book.open(session, tokenBudget, part)
      sessions.set(session, { part, caches: Array.from({ length: part.end - part.start }, () => ({ keys: [], values: [], digests: [] })) })
    },
    async forward(session, position, hidden) {
      const accepted = book.accept(session, position, hidden.length)
      const { part, caches } = find(session)
      const output = hidden.slice()
      for (let row = 0; row < accepted.rows; row += 1) {
        const state = output.subarray(row * hiddenSize, (row + 1) * hiddenSize)
        caches.forEach((cache, index) => mixBlock(seeds[part.start - range.start + index] ?? 0, width, cache, state))
      }
      accepted.succeed(bytesOf(caches, position + accepted.rows))
      return output
    },
    length: (session) => book.length(session),
    async truncate(session, length) {
      book.truncate(session, length)
      for (const { keys, values, digests } of find(session).caches) {
        keys.length = length
        values.length = length
        digests.length = Math.min(digests.length, length)
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
      accepted.succeed(bytesOf(caches, position + accepted.rows))
    },
    memory: () => book.memory(),
    async release() {
      book.release()
      sessions.clear()
    },
  }
}

/** Logits in [0, 8): between the flattest and the steepest that models have, so that greedy and drawn tokens both vary. */
const logitScale = 8 / 2 ** 32

/** @param seed of the head's weights */
export function createMixingHead({ hiddenSize, vocabularySize }: ModelConfig, seed: number): HeadRunner {
  return {
    async logits(hidden, into) {
      const rows = checkRows(hidden.length, hiddenSize)
      const logits: Float32Array = into?.subarray(0, rows * vocabularySize) ?? new Float32Array(rows * vocabularySize)
      for (let row = 0; row < rows; row += 1) {
        const hash = hashRow(seed, hidden.subarray(row * hiddenSize, (row + 1) * hiddenSize))
        for (let token = 0; token < vocabularySize; token += 1) logits[row * vocabularySize + token] = mix(hash, token) * logitScale
      }
      return logits
    },
    release: () => Promise.resolve(),
  }
}
