import { fork } from 'node:child_process'
import { ShoalError, type ErrorCode } from '@shoal/host'
import { unitBytes, unitNames, type NumericProfile } from '@shoal/model'
import type { Progress } from '../../types.ts'
import type { PackOptions } from '../local-manifest.ts'
import type { Reference } from '../reference.ts'

/** What the process is sent, once. */
export interface ToPackProcess {
  readonly ref: string
  readonly profile: NumericProfile
  readonly dataFolder: string
}

export type FromPackProcess =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | {
      readonly kind: 'failed'
      readonly code: ErrorCode
      readonly message: string
      readonly definite: boolean
    }

/** Packed bytes from which a process of its own, which takes a third of a second to start, is worth it. */
const apartFromBytes = 128 * 1024 * 1024

/**
 * Whether a model is packed in a process of its own, because packing leaves hundreds of MiB with the allocator and the garbage
 * collector of the process that does it. Calibrated weights need an engine, and remote ones may need the tokens of this process.
 */
export function isPackedApart({ remote, source: { config } }: Reference, profile: NumericProfile): boolean {
  if (remote || profile.rounding === 'calibrated') return false
  return unitNames(config).reduce((sum, unit) => sum + unitBytes(config, profile, unit), 0) >= apartFromBytes
}

/**
 * Packs a model into the data directory, where `packReference` then finds it.
 * @throws {ShoalError} what packing failed with; `cancelled`; `internal` when the process was ended
 */
export async function packApart(
  { ref }: Reference,
  profile: NumericProfile,
  { dataFolder, onProgress, signal }: PackOptions,
): Promise<void> {
  signal?.throwIfAborted()
  const child = fork(new URL('./pack-process.ts', import.meta.url), [], {
    serialization: 'advanced',
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const stop = (): void => void child.kill('SIGKILL')
  signal?.addEventListener('abort', stop)
  const ended = new Promise<void>((resolve, reject) => {
    let failure: ShoalError | null = null
    child.on('message', (message: FromPackProcess) => {
      if (message.kind === 'progress') onProgress?.(message.progress)
      else failure = new ShoalError(message.code, message.message, { definite: message.definite })
    })
    child.once('error', (cause) =>
      reject(new ShoalError('internal', `packing could not be started: ${cause.message}`, { cause })),
    )
    child.once('close', (status, ended) => {
      if (signal?.aborted === true) reject(new ShoalError('cancelled', 'packing was interrupted'))
      else if (failure !== null) reject(failure)
      else if (status === 0) resolve()
      else
        reject(
          new ShoalError('internal', `the process that packs has ended with ${ended ?? `status ${status}`}`),
        )
    })
    const job: ToPackProcess = { ref, profile, dataFolder }
    child.send(job, () => undefined)
  })
  try {
    await ended
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}
