import { physicalCores } from '@shoal/host/node'
import { formatWeights, type NumericProfile } from '@shoal/model'
import { collectInputSums, type CollectedSums } from '@shoal/runtime'
import type { Engine } from '../../types.ts'
import { packReference, packedPath, type PackOptions } from '../local-manifest.ts'
import type { Reference } from '../reference.ts'
import { calibrationTexts } from './own-text.ts'

interface EngineOptions {
  readonly model: string
  readonly weights: string
  readonly kv: string
  readonly dataFolder: string
  readonly threads: number
  readonly signal: AbortSignal | undefined
}

/**
 * What the inputs of a model's matrices look like when it reads its own text, for the rounding `calibrated`. The model is
 * packed with the rounding `least-error` first, and that packing is kept: its text and its activations are used, because
 * they need a quarter of the memory of float32 and are nearly as good (docs/numerics.md).
 *
 * @param openEngine of the whole model in this process
 */
export async function calibrate(
  reference: Reference,
  profile: NumericProfile,
  options: PackOptions,
  openEngine: (options: EngineOptions) => Promise<Engine>,
): Promise<CollectedSums> {
  const { dataFolder, signal, onProgress } = options
  const uncalibrated: NumericProfile = { ...profile, rounding: 'least-error' }
  const packed = await packReference(reference, uncalibrated, options)
  const { manifest } = packed.manifest
  const folder = packedPath(dataFolder, packed.manifest.id)
  await packed.close()
  const threads = Math.max(1, physicalCores() - 1)
  const engine = await openEngine({
    model: reference.ref,
    weights: formatWeights(uncalibrated),
    kv: profile.kv,
    dataFolder,
    threads,
    signal,
  })
  try {
    const texts = await calibrationTexts(engine, signal, (doneBytes, totalBytes) =>
      onProgress?.({ activity: 'pack', doneBytes, totalBytes }),
    )
    return await collectInputSums({
      manifest,
      folder,
      threads,
      texts,
      ...(signal === undefined ? {} : { signal }),
    })
  } finally {
    await engine.close()
  }
}
