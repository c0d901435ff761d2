import { silentLogger } from '@shoal/host'
import type { Device } from '../block-runner.ts'
import { createMixingDevice } from '../mixing/device.ts'
import { createOnnxDevice } from '../onnx/device.ts'
import { createReferenceDevice } from '../reference/device.ts'
import type { PackedModel } from './packed-model.ts'

type CreateDevice = (packed: PackedModel, threads?: number) => Promise<Device>

/** Those that compute what a model means, by the name that a failing test prints. */
export const devices: Readonly<Record<string, CreateDevice>> = {
  reference: (packed) =>
    createReferenceDevice({
      manifest: packed.manifest,
      readTensor: (name, offset, length) => packed.read(name, offset, length),
    }),
  onnx: ({ manifest, folder }, threads = 1) =>
    createOnnxDevice({ manifest, folder, threads, logger: silentLogger }),
}

/** All that have the rules of a block runner. */
export const allDevices: Readonly<Record<string, CreateDevice>> = {
  ...devices,
  mixing: async (packed) =>
    createMixingDevice({
      manifest: packed.manifest,
      readTensor: (name, offset, length) => packed.read(name, offset, length),
    }),
}

export const plentyBytes = 2 ** 30
