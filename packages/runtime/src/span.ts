import {
  blockSpecs,
  type BlockRange,
  type BlockSpec,
  type KeyValueFormat,
  type ModelConfig,
} from '@shoal/model'

/** The blocks of a range with the spec of each: as the model has them, or as a rank's share makes them. */
export interface Span {
  readonly range: BlockRange
  /** In block order, one for each block of the range. */
  readonly blocks: readonly BlockSpec[]
  /** How keys and values are kept. */
  readonly kv: KeyValueFormat
}

/** @throws {ModelError} `unsupported-model` for an unknown family */
export function spanOf(config: ModelConfig, range: BlockRange, kv: KeyValueFormat): Span {
  return { range, blocks: blockSpecs(config, range), kv }
}

/** The span of some of a span's blocks. */
export function partOf(span: Span, part: BlockRange): Span {
  const { start } = span.range
  return { ...span, range: part, blocks: span.blocks.slice(part.start - start, part.end - start) }
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
