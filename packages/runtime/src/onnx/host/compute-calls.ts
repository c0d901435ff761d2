import type { BlockRange, IndexRange, Manifest, RankShare } from '@shoal/model'
import type { KeyValueWindow, SumThread } from '../../block-runner.ts'
import type { RowPadding } from '../computers/row-padding.ts'

/** What a device's engine is started with. */
export interface ComputeSettings {
  readonly manifest: Manifest
  /** Folder of the units' files. */
  readonly folder: string
  readonly threads: number
}

/** Names a loaded span, or a loaded head, in calls. */
export type SpanId = number

/** Every call that an engine answers, in the order of their arrival. */
export interface ComputeCalls {
  'numeric-class': { arguments: null; result: { numericClass: string } }
  /** `padding` null: the self-probe found no padding with which rows are independent of how they are grouped. */
  'load-blocks': {
    /** `residentBlocks`: how many keep their weights in memory, while those of the others come from disk in every step; null for all. */
    arguments: { span: SpanId; range: BlockRange; residentBlocks: number | null }
    result: { padding: RowPadding | null }
  }
  /** A rank's share of a span. Its partial sums go through the mailbox while the engine's thread cannot exchange them itself. */
  'load-rank': {
    arguments: {
      span: SpanId
      range: BlockRange
      share: RankShare
      mailbox: SharedArrayBuffer
      thread: SumThread | null
    }
    result: { padding: RowPadding | null }
  }
  'open-session': {
    arguments: { span: SpanId; session: string; tokenBudget: number; part: BlockRange }
    result: null
  }
  forward: {
    arguments: { span: SpanId; session: string; position: number; hidden: Float32Array<ArrayBuffer> }
    result: { hidden: Float32Array<ArrayBuffer>; keyValueBytes: number }
  }
  'truncate-session': { arguments: { span: SpanId; session: string; length: number }; result: null }
  'close-session': { arguments: { span: SpanId; session: string }; result: null }
  'export-session': {
    arguments: { span: SpanId; session: string; window: KeyValueWindow }
    result: { keyValues: Float32Array<ArrayBuffer> }
  }
  'import-session': {
    arguments: { span: SpanId; session: string; position: number; keyValues: Float32Array<ArrayBuffer> }
    result: { keyValueBytes: number }
  }
  'release-blocks': { arguments: { span: SpanId }; result: null }
  /** `vocabulary` null: all of it. */
  'load-head': {
    arguments: { span: SpanId; vocabulary: IndexRange | null }
    result: { padding: RowPadding | null }
  }
  /** With `into`, which needs a host that shares memory, the logits are written there and the result has none. */
  logits: {
    arguments: {
      span: SpanId
      hidden: Float32Array<ArrayBuffer>
      into: Float32Array<SharedArrayBuffer> | null
    }
    result: { logits: Float32Array<ArrayBuffer> | null }
  }
  'release-head': { arguments: { span: SpanId }; result: null }
  /** Frees everything; the host ends when it has answered. */
  stop: { arguments: null; result: null }
}

export type CallName = keyof ComputeCalls
export type CallArguments<Name extends CallName> = ComputeCalls[Name]['arguments']
export type CallResult<Name extends CallName> = ComputeCalls[Name]['result']

export interface CallRequest<Name extends CallName = CallName> {
  readonly id: number
  readonly name: Name
  readonly arguments: CallArguments<Name>
}

/** The fields of an error; the object itself would lose its class on the way. */
export interface CallFailure {
  /** Code of a ShoalError; null for any other error, which is a bug in this software and keeps its stack. */
  readonly code: string | null
  readonly definite: boolean
  readonly message: string
  readonly stack: string | null
}

export type CallReply =
  | { readonly id: number; readonly result: CallResult<CallName> }
  | { readonly id: number; readonly failure: CallFailure }

/** Buffers that move with a message instead of being copied. */
export function transferable(fields: object | null): ArrayBuffer[] {
  return Object.values(fields ?? {}).flatMap((value: unknown) =>
    value instanceof Float32Array && value.buffer instanceof ArrayBuffer ? [value.buffer] : [],
  )
}
