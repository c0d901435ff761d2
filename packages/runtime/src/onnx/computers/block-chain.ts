import { freeMemory } from '@shoal/host'
import type { BlockRange, BlockSpec } from '@shoal/model'
import type { KeyValueWindow } from '../../block-runner.ts'
import { keyValuesOf } from '../../costs/key-value-size.ts'
import { resolveWindow } from '../../sessions/key-value-window.ts'
import { blockOf, partOf, type Span } from '../../span.ts'
import type { BlockComputer } from './block-computer.ts'
import { createChainBlocks, type Streaming } from './chain-blocks.ts'
import { createKeyValueCache, type KeyValueCache } from './key-value-cache.ts'
import type { RowPadding } from './row-padding.ts'
import type { LoadedBlock } from './loaded-block.ts'

/**
 * A span as one graph per block. Cutting costs nothing measurable and changes no bits (docs/decisions/0003). It lets a
 * session use any part of a span, because a route may enter or leave where another peer's span ends; and blocks of one
 * model may differ.
 */
export interface BlockChain {
  readonly range: BlockRange
  /** Whether each call reads weights from disk; false when absent. */
  readonly streams?: boolean
  /** Caches of a new session over `part` of the span. */
  open(part: BlockRange, tokenBudget: number): ChainCaches
  /**
   * Appends the rows in every block of the session's part; when it throws, all caches are as before. A rank's chain returns
   * a promise where it waits for other ranks.
   * @param hidden float32 `[rows, hiddenSize]`
   * @returns the same shape
   */
  forward(
    caches: ChainCaches,
    hidden: Float32Array,
  ): Float32Array<ArrayBuffer> | Promise<Float32Array<ArrayBuffer>>
  /**
   * Appends rows of several sessions over the same part in one pass, each with the bits that it would have alone; when it
   * throws, all caches are as before. Absent where every call must be made by other ranks too.
   * @param hidden float32 `[rows of all sessions, hiddenSize]`, at most `rowsPerCallMax` rows
   * @returns the same shape
   */
  forwardTogether?(sessions: readonly RowsOfCaches[], hidden: Float32Array): Float32Array<ArrayBuffer>
  release(): void
}

/** Rows of one session in a pass with rows of several. */
export interface RowsOfCaches {
  readonly caches: ChainCaches
  readonly rows: number
}

/** The keys and values of one session, block by block. */
export interface ChainCaches {
  readonly part: BlockRange
  readonly length: number
  readonly bytes: number
  readonly blocks: readonly KeyValueCache[]
  truncate(length: number): void
  export(window: KeyValueWindow): Float32Array<ArrayBuffer>
  /** Appends positions in every block, in the form of `export`; when it throws, all caches are as before. */
  import(keyValues: Float32Array): void
}

/**
 * @param paddingOf the padding that the graph of such a block needs on this machine
 * @param load makes the graphs of one block; when one fails, those before it are freed
 * @param streaming null to keep the weights of all blocks in memory
 */
export function createBlockChain(
  span: Span,
  paddingOf: (spec: BlockSpec) => RowPadding,
  load: (block: Span) => LoadedBlock,
  streaming: Streaming | null = null,
): BlockChain {
  const { range } = span
  const chainBlocks = createChainBlocks(span, paddingOf, load, streaming)
  /** Passes rows from block to block, and frees those in between. */
  const pass = (
    part: BlockRange,
    hidden: Float32Array,
    step: (computer: BlockComputer, index: number, rows: Float32Array) => Float32Array,
  ): Float32Array<ArrayBuffer> => {
    let rows = hidden
    for (let index = 0; index < part.end - part.start; index += 1) {
      const before = rows
      rows = step(chainBlocks.computer(part.start + index), index, before)
      if (before !== hidden) freeMemory(before.buffer)
    }
    return rows as Float32Array<ArrayBuffer>
  }

  return {
    range,
    streams: streaming !== null,
    release: () => chainBlocks.release(),
    open: (part, tokenBudget) => createChainCaches(partOf(span, part), tokenBudget),
    forward: (caches, hidden) =>
      unlessFailed([caches], () =>
        pass(caches.part, hidden, (computer, index, rows) => computer.forward(cacheOf(caches, index), rows)),
      ),
    forwardTogether(sessions, hidden) {
      const [first] = sessions
      if (first === undefined) throw new Error('a pass needs sessions')
      const all = sessions.map(({ caches }) => caches)
      return unlessFailed(all, () =>
        pass(first.caches.part, hidden, (computer, index, rows) =>
          computer.forwardTogether(
            sessions.map((session) => ({ cache: cacheOf(session.caches, index), rows: session.rows })),
            rows,
          ),
        ),
      )
    },
  }
}

/** Makes a pass; when it fails, cuts all caches to their lengths before it. */
function unlessFailed<Result>(all: readonly ChainCaches[], pass: () => Result): Result {
  const before = all.map(({ length }) => length)
  try {
    return pass()
  } catch (error) {
    for (const [index, caches] of all.entries()) caches.truncate(before[index] ?? 0)
    throw error
  }
}

function cacheOf({ blocks }: ChainCaches, index: number): KeyValueCache {
  const cache = blocks[index]
  if (cache === undefined) throw new Error(`the session has ${blocks.length} blocks, not ${index + 1}`)
  return cache
}

/** Empty caches of a session over the blocks of `span`. */
export function createChainCaches(span: Span, tokenBudget: number): ChainCaches {
  const part = span.range
  const blocks = span.blocks.map((_, index) =>
    createKeyValueCache(blockOf(span, part.start + index), tokenBudget),
  )
  return {
    part,
    blocks,
    get length() {
      // All blocks are equally long between calls; within a failed call the shortest counts.
      return Math.min(...blocks.map((cache) => cache.length))
    },
    get bytes() {
      return blocks.reduce((sum, cache) => sum + cache.bytes, 0)
    },
    truncate(length) {
      for (const cache of blocks) cache.truncate(length)
    },
    export(window) {
      const { from, to, first, end } = resolveWindow(window, this)
      const parts = blocks.slice(first, end).map((cache) => cache.export(from, to))
      const whole = new Float32Array(parts.reduce((sum, values) => sum + values.length, 0))
      let at = 0
      for (const values of parts) {
        whole.set(values, at)
        at += values.length
      }
      return whole
    },
    import(keyValues) {
      const before = this.length
      const rows = keyValues.length / keyValuesOf(span)
      let at = 0
      try {
        for (const [index, cache] of blocks.entries()) {
          const size = rows * keyValuesOf(blockOf(span, part.start + index))
          cache.import(keyValues.subarray(at, at + size), rows)
          at += size
        }
      } catch (error) {
        this.truncate(before)
        throw error
      }
    },
  }
}
