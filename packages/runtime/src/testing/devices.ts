import { silentLogger } from '@shoal/host'
import type { Device } from '../block-runner.ts'
import { createOnnxDevice } from '../onnx/device.ts'
import { createReferenceDevice } from '../reference/device.ts'
import type { PackedModel } from './packed-model.ts'

/** Both implementations, by the name that a failing test prints. */
export const devices: Readonly<Record<string, (packed: PackedModel, threads?: number) => Promise<Device>>> = {
  reference: (packed) => createReferenceDevice({ manifest: packed.manifest, readTensor: (name, offset, length) => packed.read(name, offset, length) }),
  onnx: ({ manifest, folder }, threads = 1) => createOnnxDevice({ manifest, folder, threads, logger: silentLogger }),
}

export const plentyBytes = 2 ** 30
