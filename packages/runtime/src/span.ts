import { blockSpecs, type BlockRange, type BlockSpec, type ModelConfig } from '@shoal/model'

/** The blocks of a range with the spec of each: as the model has them, or as a rank's share makes them. */
export interface Span {
  readonly range: BlockRange
  /** In block order, one for each block of the range. */
  readonly blocks: readonly BlockSpec[]
}

/** @throws {ModelError} `unsupported-model` for an unknown family */
export function spanOf(config: ModelConfig, range: BlockRange): Span {
  return { range, blocks: blockSpecs(config, range) }
}

/** The span of some of a span's blocks. */
export function partOf({ range, blocks }: Span, part: BlockRange): Span {
  return { range: part, blocks: blocks.slice(part.start - range.start, part.end - range.start) }
}

/** The span of one block. @param index in the model */
export function blockOf(span: Span, index: number): Span {
  return partOf(span, { start: index, end: index + 1 })
}

/** Columns of the residual stream, which all blocks of a model share. */
export function hiddenSizeOf({ range, blocks: [first] }: Span): number {
  if (first === undefined) throw new Error(`the span ${range.start}:${range.end} has no block`)
  return first.hiddenSize
}
