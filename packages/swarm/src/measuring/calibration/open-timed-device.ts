import type { SystemDependencies } from '@shoal/host'
import type { IdentifiedManifest } from '@shoal/model'
import { createDevice, type Device } from '@shoal/runtime'
import type { Scope } from '../../scope.ts'
import { calibrateBlock, type BlockSpeed } from './calibrate.ts'
import { paced } from './paced.ts'

export interface TimedDeviceOptions {
  /** Folder of the packed weights. */
  readonly folder: string
  /** Keeps what was timed. */
  readonly dataFolder: string
  readonly threads: number
  /** Computes so many times slower than this machine could. */
  readonly slowdown: number
}

/**
 * Opens this machine's device and times a block of the model's shape meanwhile: both start a thread first, which takes
 * longer than what is timed. The device is closed with `scope`.
 */
export async function openTimedDevice(
  dependencies: SystemDependencies,
  manifest: IdentifiedManifest,
  { folder, dataFolder, threads, slowdown }: TimedDeviceOptions,
  scope: Scope,
): Promise<{ readonly device: Device; readonly speed: BlockSpeed }> {
  const opening = createDevice({ kind: 'onnx', manifest, folder, threads, logger: dependencies.logger })
  scope.onClose(async () => (await opening).close())
  const [own, speed] = await Promise.all([
    opening,
    calibrateBlock(dependencies, manifest, { threads, slowdown, dataFolder }),
  ])
  return { device: paced(own, slowdown, scope), speed }
}
