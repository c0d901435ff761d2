import type { StoredType } from './stored-types.ts'

/** A tensor as a checkpoint stores it. Row-major; its rows are the indices of the first dimension. */
export interface StoredTensor {
  readonly name: string
  readonly type: StoredType
  readonly shape: readonly number[]
}

/** Whole rows of a tensor in their stored format. */
export interface StoredRows {
  readonly type: StoredType
  /** At any alignment. They may share memory with the source: do not write to them. */
  readonly bytes: Uint8Array
}

/**
 * The tensors of a checkpoint, read by range and in their stored format: callers that need float32 widen them
 * (`widen.ts`). Tensors have the names of the family's Hugging Face checkpoints, whatever the format calls them.
 */
export interface TensorSource {
  /** @throws {ModelError} `bad-model` when there is no such tensor or its format cannot be read */
  tensor(name: string, signal?: AbortSignal): Promise<StoredTensor>
  /** Names of all tensors, also of those that cannot be read. */
  tensorNames(signal?: AbortSignal): Promise<readonly string[]>
  /**
   * Rows `[rowStart, rowEnd)`; no other byte of the tensor is read.
   * @throws {ModelError} `bad-request` for rows outside the tensor, `bad-model` when fewer bytes arrive
   */
  readRows(name: string, rowStart: number, rowEnd: number, signal?: AbortSignal): Promise<StoredRows>
}
