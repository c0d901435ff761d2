import { silentLogger } from '@shoal/host'
import type { Device } from '../block-runner.ts'
import { createDevice } from '../devices/create-device.ts'
import type { PackedModel } from './packed-model.ts'

type CreateDevice = (packed: PackedModel, threads?: number) => Promise<Device>

/** Those that compute what a model means, by the name that a failing test prints. */
export const devices: Readonly<Record<string, CreateDevice>> = {
  reference: (packed) =>
    createDevice({
      kind: 'reference',
      manifest: packed.manifest,
      readTensor: (name, offset, length) => packed.read(name, offset, length),
    }),
  onnx: ({ manifest, folder }, threads = 1) =>
    createDevice({ kind: 'onnx', manifest, folder, threads, logger: silentLogger }),
}

/** All that have the rules of a block runner. */
export const allDevices: Readonly<Record<string, CreateDevice>> = {
  ...devices,
  mixing: async (packed) =>
    createDevice({
      kind: 'mixing',
      manifest: packed.manifest,
      readTensor: (name, offset, length) => packed.read(name, offset, length),
    }),
}

export const plentyBytes = 2 ** 30
