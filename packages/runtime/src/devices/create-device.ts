import type { Device } from '../block-runner.ts'
import { createMixingDevice, type MixingDeviceOptions } from '../mixing/device.ts'
import { createOnnxDevice, type OnnxDeviceOptions } from '../onnx/device.ts'
import { createReferenceDevice, type ReferenceDeviceOptions } from '../reference/device.ts'

/** What computes, and what it needs for that. */
export type DeviceOptions =
  | ({ readonly kind: 'onnx' } & OnnxDeviceOptions)
  | ({ readonly kind: 'reference' } & ReferenceDeviceOptions)
  | ({ readonly kind: 'mixing' } & MixingDeviceOptions)

/**
 * The one place where devices are made.
 *
 * - `onnx` computes on this machine's CPU through onnxruntime, in a thread of its own.
 * - `reference` is the same arithmetic in plain TypeScript, on the calling thread: the oracle of tests and simulations.
 * - `mixing` replaces matrices by a few integer operations, for simulations of swarms that are too large for arithmetic.
 *
 * @throws {ShoalError} `unsupported-model`, `bad-model`, or `compute-failed` when onnxruntime cannot be loaded
 */
export async function createDevice(options: DeviceOptions): Promise<Device> {
  switch (options.kind) {
    case 'onnx':
      return createOnnxDevice(options)
    case 'reference':
      return createReferenceDevice(options)
    case 'mixing':
      return createMixingDevice(options)
  }
}
