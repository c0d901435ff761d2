import '../onnx/no-telemetry.ts'
import { Worker } from 'node:worker_threads'
import { ShoalError } from '@shoal/host'
import { blockSpecs, type Manifest } from '@shoal/model'
import { checkSupported } from '../support.ts'

export interface CollectOptions {
  /** A packed model with whose activations weights are calibrated. */
  readonly manifest: Manifest
  /** Folder of the units' files. */
  readonly folder: string
  readonly threads: number
  /** Token ids of texts of at most as many tokens as one call takes. */
  readonly texts: readonly (readonly number[])[]
  readonly signal?: AbortSignal
}

/** For each matrix of the blocks (`block-3.qkv`) and each group of 128 of its columns, the sum of `x xᵀ` over its inputs. */
export type CollectedSums = ReadonlyMap<string, readonly Float64Array[]>

/** Runs texts through a model, block by block, in a thread of its own. */
export async function collectInputSums({ signal, ...task }: CollectOptions): Promise<CollectedSums> {
  checkSupported(task.manifest)
  if (blockSpecs(task.manifest.config).some(({ feedForward }) => feedForward.kind !== 'dense'))
    throw new ShoalError(
      'unsupported-model',
      'weights of mixtures of experts cannot be calibrated: use --weights int4:128',
    )
  signal?.throwIfAborted()
  const worker = new Worker(new URL('./thread.ts', import.meta.url), {
    workerData: task,
    name: 'shoal-calibration',
  })
  const stop = (): void => void worker.terminate()
  signal?.addEventListener('abort', stop, { once: true })
  try {
    return await new Promise<CollectedSums>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.once('exit', () =>
        reject((signal?.reason as Error | undefined) ?? new Error('the calibration thread ended early')),
      )
    })
  } finally {
    signal?.removeEventListener('abort', stop)
    await worker.terminate()
  }
}
