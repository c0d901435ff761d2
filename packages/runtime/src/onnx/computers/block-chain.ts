import { freeMemory } from '@shoal/host'
import type { BlockRange, ModelConfig } from '@shoal/model'
import type { KeyValueWindow } from '../../block-runner.ts'
import { keyValueBytesPerPosition } from '../../costs/key-value-size.ts'
import { resolveWindow } from '../../key-value-window.ts'
import { createKeyValueCache, type KeyValueCache } from './key-value-cache.ts'
import type { RowPadding } from './row-padding.ts'
import type { ComputeSession } from './inference-session.ts'
import { createRotation, createSpanComputer, type SpanComputer } from './span-computer.ts'

/**
 * A span as one graph per block. Cutting costs nothing measurable (docs/decisions/0003) and changes no bits, and it
 * lets a session use any part of a span: a route may enter or leave where another peer's span ends.
 */
export interface BlockChain {
  readonly range: BlockRange
  /** Caches of a new session over `part` of the span. */
  open(part: BlockRange, tokenBudget: number): ChainCaches
  /** Appends the rows in every block of the session's part; when it throws, all caches are as before. A rank may wait for others. */
  forward(
    caches: ChainCaches,
    hidden: Float32Array,
  ): Float32Array<ArrayBuffer> | Promise<Float32Array<ArrayBuffer>>
  release(): void
}

/** One session's keys and values, block by block. */
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

interface Link {
  readonly session: ComputeSession
  readonly computer: SpanComputer
}

/** @param load makes the graph of one block; when one fails, those before it are freed */
export function createBlockChain(
  config: ModelConfig,
  range: BlockRange,
  padding: RowPadding,
  load: (block: BlockRange) => ComputeSession,
): BlockChain {
  const rotation = createRotation(config)
  const links: Link[] = []
  const release = (): void => {
    for (const { session } of links.splice(0)) session.release()
  }
  try {
    for (let start = range.start; start < range.end; start += 1) {
      const block = { start, end: start + 1 }
      const session = load(block)
      links.push({ session, computer: createSpanComputer(session, config, block, padding, rotation) })
    }
  } catch (error) {
    release()
    throw error
  }

  return {
    range,
    release,
    open: (part, tokenBudget) => createChainCaches(config, part, tokenBudget),
    forward(caches, hidden) {
      const before = caches.length
      let rows: Float32Array = hidden
      try {
        caches.blocks.forEach((cache, index) => {
          const link = links[caches.part.start - range.start + index]
          if (link === undefined)
            throw new Error(`block ${caches.part.start + index} is not in ${range.start}:${range.end}`)
          const before = rows
          rows = link.computer.forward(cache, before)
          if (before !== hidden) freeMemory(before.buffer)
        })
      } catch (error) {
        caches.truncate(before)
        throw error
      }
      return rows as Float32Array<ArrayBuffer>
    },
  }
}

/** Caches of blocks `part`; `config` says how many key/value heads there are here. */
export function createChainCaches(config: ModelConfig, part: BlockRange, tokenBudget: number): ChainCaches {
  const blocks = Array.from({ length: part.end - part.start }, (_, index) =>
    createKeyValueCache(config, { start: part.start + index, end: part.start + index + 1 }, tokenBudget),
  )
  return {
    part,
    blocks,
    get length() {
      // Between calls all blocks are equally long; within a failed one the shortest counts.
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
      const rows =
        (keyValues.length * Float32Array.BYTES_PER_ELEMENT) /
        (blocks.length * keyValueBytesPerPosition(config))
      const size = keyValues.length / blocks.length
      try {
        for (const [index, cache] of blocks.entries())
          cache.import(keyValues.subarray(index * size, (index + 1) * size), rows)
      } catch (error) {
        this.truncate(before)
        throw error
      }
    },
  }
}
