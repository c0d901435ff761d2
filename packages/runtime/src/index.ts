/**
 * Runs blocks of a model: hidden states in, hidden states out, with a KV cache per session.
 *
 * Devices behind one interface: `createOnnxDevice` computes on this machine's CPU through onnxruntime, in a thread of
 * its own; `createReferenceDevice` is the same arithmetic in plain TypeScript, for oracles and simulations. A third,
 * `createMixingDevice`, computes nothing that a model means: it stands in for the arithmetic where a simulated swarm is large.
 *
 * @example
 * const device = await createOnnxDevice({ manifest, folder, threads: 2, logger })
 * const runner = await device.loadBlocks({ start: 0, end: 8 }, { memoryLimitBytes: 2 ** 31 })
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
export { createOnnxDevice, type OnnxDeviceOptions } from './onnx/device.ts'
export { createMixingDevice, type MixingDeviceOptions } from './mixing/device.ts'
export { computeProviders, type ComputeProvider } from './onnx/providers.ts'
export { createReferenceDevice, type ReferenceDeviceOptions } from './reference/device.ts'
export type { TensorReader } from './tensor-reader.ts'
export { keyValueBytesPerPosition } from './costs/key-value-size.ts'
export { residentHeadBytes, residentWeightBytes } from './costs/memory-estimate.ts'
export { noNumericClass } from './probe/no-numeric-class.ts'
export { measureRunner, type MeasureOptions, type RunnerMeasurement } from './costs/measure.ts'
