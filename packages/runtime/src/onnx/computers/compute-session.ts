import { Tensor } from 'onnxruntime-common'
import type { Hasher, ModelConfig } from '@shoal/model'
import type { ReadAhead } from '../read-ahead.ts'
import type { TensorBytes } from '../tensors/share-source.ts'

export type Feeds = Record<string, Tensor>

/** One loaded graph. It runs on the calling thread and blocks it. */
export interface ComputeSession {
  /** @param outputs names of the outputs to return */
  run(feeds: Feeds, outputs: readonly string[]): Record<string, Float32Array<ArrayBuffer>>
  release(): void
}

/** A build of onnxruntime, as the engine uses it: the native one, or the one in WebAssembly that browsers run. */
export interface GraphRuntime {
  /** Part of the numeric class: builds of one version have the same kernels. */
  readonly version: string
  /** Threads per call. */
  readonly threads: number
  /**
   * Loads the bytes of an ONNX model.
   * @param threads this many in place of the usual number
   * @throws {ShoalError} `compute-failed` when onnxruntime refuses it: files missing, too little memory
   */
  load(model: Uint8Array, threads?: number): ComputeSession
  /** Reads weights that are to come from disk in each step. */
  createReadAhead(config: ModelConfig): ReadAhead
  /** Reads packed tensors, from which a rank's share is cut. */
  readonly readTensor: TensorBytes
  createHasher(): Hasher
}

export const tensors = {
  /** Wraps `data` without copying. */
  float32: (data: Float32Array, shape: readonly number[]): Tensor => new Tensor('float32', data, shape),
  int8: (data: Int8Array, shape: readonly number[]): Tensor => new Tensor('int8', data, shape),
  int32: (value: number): Tensor => new Tensor('int32', Int32Array.of(value), [1]),
  int32Scalar: (value: number): Tensor => new Tensor('int32', Int32Array.of(value), []),
  int64s: (values: readonly number[]): Tensor =>
    new Tensor('int64', BigInt64Array.from(values, BigInt), [values.length]),
  int64: (value: number): Tensor => new Tensor('int64', BigInt64Array.of(BigInt(value)), [1]),
}
