import type { BlockRange, BlockSpec } from '@shoal/model'
import { blockOf, type Span } from '../../span.ts'
import type { BlockComputer } from './block-computer.ts'
import type { LoadedBlock } from './loaded-block.ts'
import { createRotations } from './rotation.ts'
import type { RowPadding } from './row-padding.ts'

/** The blocks of a chain: all of them in memory, or some of them and the one that computes. */
export interface ChainBlocks {
  /** What computes this block, until the next call. @param index in the model */
  computer(index: number): BlockComputer
  release(): void
}

interface LoadedComputer {
  readonly block: LoadedBlock
  readonly computer: BlockComputer
}

/** How blocks of a span come to memory while it computes. */
export interface Streaming {
  /** The first blocks of the span that stay in memory. */
  readonly residentBlocks: number
  /** Reads the weights of these blocks from the disk into the system's cache, while another block computes. */
  readonly readAhead: (blocks: BlockRange) => void
}

type Load = (block: Span) => LoadedBlock

/**
 * @param paddingOf the padding that the graph of such a block needs on this machine
 * @param load makes the graphs of one block; when one fails, those before it are freed
 * @param streaming null to keep all blocks in memory
 */
export function createChainBlocks(
  span: Span,
  paddingOf: (spec: BlockSpec) => RowPadding,
  load: Load,
  streaming: Streaming | null,
): ChainBlocks {
  const { start, end } = span.range
  const rotationOf = createRotations()
  const resident = new Map<number, LoadedComputer>()
  const loaded = (index: number): LoadedComputer => {
    const own = blockOf(span, index)
    const [spec] = own.blocks
    if (spec === undefined) throw new Error(`block ${index} is not in ${start}:${end}`)
    const block = load(own)
    return { block, computer: block.computer(paddingOf(spec), rotationOf(spec.attention)) }
  }
  const firstStreamed = streaming === null ? end : Math.min(end, start + streaming.residentBlocks)
  let passing: (LoadedComputer & { readonly index: number }) | null = null
  const release = (): void => {
    passing?.block.release()
    passing = null
    for (const { block } of resident.values()) block.release()
    resident.clear()
  }
  try {
    for (let index = start; index < firstStreamed; index += 1) resident.set(index, loaded(index))
  } catch (error) {
    release()
    throw error
  }

  return {
    release,
    computer(index) {
      const found = resident.get(index)
      if (found !== undefined) return found.computer
      if (passing?.index === index) return passing.computer
      // Before the next block is loaded, so that there are never two.
      passing?.block.release()
      passing = null
      const next = { ...loaded(index), index }
      passing = next
      const after = index + 1 < end ? index + 1 : firstStreamed
      if (after !== index) streaming?.readAhead({ start: after, end: after + 1 })
      return next.computer
    },
  }
}
