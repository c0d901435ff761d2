import type { SystemDependencies } from '@shoal/host'
import { cacheDirectory } from '@shoal/host/node'
import type { IdentifiedManifest } from '@shoal/model'
import { createDevice, type ComputePlace, type Device, type RemoteCompute } from '@shoal/runtime'
import type { Scope } from '../../scope.ts'
import { calibrateBlock, type BlockSpeed } from './calibrate.ts'
import { paced } from './paced.ts'

export interface TimedDeviceOptions {
  /** Folder of the packed weights. */
  readonly folder: string
  /** Keeps the result of the calibration. */
  readonly dataFolder: string
  readonly threads: number
  /** Factor by which this node computes slower than the machine could. */
  readonly slowdown: number
  readonly compute: ComputePlace | RemoteCompute
  /** What a block costs there, where somebody else has timed it. */
  readonly speed?: BlockSpeed | undefined
}

/**
 * Opens this machine's device and meanwhile times a block of the model's shape: both start a thread first, which takes most
 * of the time. The device is closed with `scope`.
 */
export async function openTimedDevice(
  dependencies: SystemDependencies,
  manifest: IdentifiedManifest,
  { folder, dataFolder, threads, slowdown, compute, speed: known }: TimedDeviceOptions,
  scope: Scope,
): Promise<{ readonly device: Device; readonly speed: BlockSpeed }> {
  const { logger } = dependencies
  const opening = createDevice({ kind: 'onnx', manifest, folder, threads, logger, compute })
  scope.onClose(async () => (await opening).close())
  const [own, speed] = await Promise.all([
    opening,
    known ??
      calibrateBlock(dependencies, manifest, {
        threads,
        slowdown,
        dataFolder,
        sharedFolder: cacheDirectory(),
      }),
  ])
  return { device: paced(own, slowdown, scope), speed }
}
