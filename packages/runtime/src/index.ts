/**
 * Runs blocks of a model: hidden states in, hidden states out, with a KV cache per session.
 *
 * `createDevice` makes a device; its documentation describes the kinds. `decorateDevice` and `decorateRunner` change
 * some members of a device or runner and pass the others on.
 *
 * @example
 * const device = await createDevice({ kind: 'onnx', manifest, folder, threads: 2, logger })
 * const runner = await device.loadBlocks({ start: 0, end: 8 }, { memory: createMemoryBudget(2 ** 31) })
 * await runner.open('session', 512)
 * const next = await runner.forward('session', 0, hidden)
 */
export type {
  BlockRunner,
  CreateThreadSum,
  Device,
  EmbeddingTable,
  HeadRunner,
  KeyValueWindow,
  LoadOptions,
  RankOptions,
  RunnerMemory,
  SumRanks,
  SumThread,
  ThreadSum,
} from './block-runner.ts'
export { createDevice, type DeviceOptions } from './devices/create-device.ts'
export type { ComputePlace, RemoteCompute } from './onnx/device.ts'
export type { ComputeSettings } from './onnx/host/compute-calls.ts'
export { awaitedCall, checkedReply } from './onnx/host/remote/checked-reply.ts'
export { startRemoteHost, type RemoteEngine, type RemoteHost } from './onnx/host/remote/remote-host.ts'
export { wasmFiles } from './onnx/wasm/wasm-files.ts'
export { decodeFrame, encodeFrame, type FrameBounds } from './onnx/host/remote/frames.ts'
export { decorateDevice, decorateHead, decorateRunner, decorateRunners } from './devices/decorate.ts'
export { computeProviders, type ComputeProvider } from './onnx/providers.ts'
export type { TensorReader } from './tensors/tensor-reader.ts'
export {
  collectInputSums,
  type CollectedSums,
  type CollectOptions,
} from './calibration/collect-input-sums.ts'
export { streamingWindow, type StreamingWindow } from './costs/streaming-window.ts'
export { residentHeadBytes, residentWeightBytes } from './costs/memory-estimate.ts'
export { noNumericClass } from './probe/no-numeric-class.ts'
export { measureRunner, type MeasureOptions, type RunnerMeasurement } from './costs/measure.ts'
