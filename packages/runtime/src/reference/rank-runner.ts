import type { BlockRange, ModelConfig } from '@shoal/model'
import { ShoalError } from '@shoal/host'
import type { BlockRunner, SumRanks } from '../block-runner.ts'
import { keyValueBytesPerPosition } from '../costs/key-value-size.ts'
import { resolveWindow } from '../key-value-window.ts'
import { limits } from '../limits.ts'
import type { SessionBook } from '../session-book.ts'
import { add } from './arithmetic.ts'
import { attentionBranch, feedForwardBranch, type BlockCache, type BlockWeights } from './block.ts'
import { exportCaches, importCaches } from './cached-runner.ts'
import { rotations } from './runner.ts'

interface RankParts {
  /** As the rank sees it (`shareConfig`). */
  readonly config: ModelConfig
  readonly range: BlockRange
  readonly book: SessionBook
  /** Of the rank's share, in block order. */
  readonly blocks: readonly BlockWeights[]
  readonly sum: SumRanks
}

interface Session {
  readonly part: BlockRange
  readonly caches: readonly BlockCache[]
}

/** A rank's share in plain TypeScript. Calls wait for each other, since each waits for the other ranks in between. */
export function createReferenceRank({ config, range, book, blocks, sum }: RankParts): BlockRunner {
  const { hiddenSize } = config
  const sessions = new Map<string, Session>()
  const rotationAt = rotations(config)
  let last: Promise<unknown> = Promise.resolve()

  const inOrder = <T>(action: () => Promise<T>): Promise<T> => {
    const done = last.then(action)
    last = done.catch(() => undefined)
    return done
  }
  const cut = ({ caches }: Session, length: number): void => {
    for (const { keys, values } of caches) {
      keys.length = Math.min(keys.length, length)
      values.length = Math.min(values.length, length)
    }
  }
  const sessionOf = (name: string): Session => {
    const session = sessions.get(name)
    if (session === undefined) throw new ShoalError('unknown-session', `session ${name} is not open`)
    return session
  }
  /** All rows through one half-block, then the sum over the ranks. */
  const half = async (
    rows: Float32Array,
    branchOf: (row: Float32Array, index: number) => Float32Array,
  ): Promise<Float32Array> => {
    const partial = new Float32Array(rows.length)
    for (let at = 0; at < rows.length; at += hiddenSize)
      partial.set(branchOf(rows.subarray(at, at + hiddenSize), at / hiddenSize), at)
    return add(rows, await sum(partial, 0))
  }
  const pass = async (
    { part, caches }: Session,
    position: number,
    hidden: Float32Array,
  ): Promise<Float32Array> => {
    let rows = hidden
    for (const [index, cache] of caches.entries()) {
      const weights = blocks[part.start - range.start + index] as BlockWeights
      rows = await half(rows, (row, offset) =>
        attentionBranch(config, weights, cache, row, rotationAt(position + offset)),
      )
      rows = await half(rows, (row) => feedForwardBranch(config, weights, row))
    }
    return rows
  }

  return {
    range,
    hiddenSize,
    async open(session, tokenBudget, part = range) {
      book.open(session, tokenBudget, part)
      sessions.set(session, {
        part,
        caches: Array.from({ length: part.end - part.start }, () => ({ keys: [], values: [] })),
      })
    },
    async forward(name, position, hidden) {
      const accepted = book.accept(name, position, hidden.length)
      const rows = hidden.slice()
      const session = sessionOf(name)
      try {
        return await inOrder(async () => {
          if ((session.caches[0]?.keys.length ?? position) !== position)
            throw new ShoalError('wrong-position', `session ${name} is not at position ${position}`)
          const output = new Float32Array(rows.length)
          const chunk = limits.rowsPerCallMax * hiddenSize
          try {
            for (let at = 0; at < rows.length; at += chunk)
              output.set(await pass(session, position + at / hiddenSize, rows.subarray(at, at + chunk)), at)
          } catch (error) {
            cut(session, position)
            throw error
          }
          accepted.succeed(
            session.caches.length * keyValueBytesPerPosition(config) * (position + accepted.rows),
          )
          return output
        })
      } catch (error) {
        accepted.fail()
        throw error
      }
    },
    length: (session) => book.length(session),
    async truncate(name, length) {
      book.truncate(name, length)
      const session = sessionOf(name)
      await inOrder(async () => cut(session, length))
    },
    async close(name) {
      // Calls that are queued have the session in their hands.
      if (book.close(name)) sessions.delete(name)
    },
    async exportKeyValues(name, window = {}) {
      book.length(name)
      const { part, caches } = sessionOf(name)
      return inOrder(async () =>
        exportCaches(config, caches, resolveWindow(window, { part, length: caches[0]?.keys.length ?? 0 })),
      )
    },
    async importKeyValues(name, position, keyValues) {
      const accepted = book.acceptKeyValues(name, position, keyValues.length)
      const { caches } = sessionOf(name)
      const values = keyValues.slice()
      await inOrder(async () => importCaches(config, caches, accepted.rows, values))
      accepted.succeed(caches.length * keyValueBytesPerPosition(config) * (position + accepted.rows))
    },
    memory: () => book.memory(),
    async release() {
      book.release()
      sessions.clear()
    },
  }
}
