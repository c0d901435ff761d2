import { asShoalError } from '@shoal/host'
import { packReference } from '../local-manifest.ts'
import { openReference } from '../reference.ts'
import type { FromPackProcess, ToPackProcess } from './pack-apart.ts'

/** Packs one model and ends. Its only message says which; it ends with its parent, and a later packing goes on from there. */
if (process.send === undefined) throw new Error('pack-process.ts must be started with an IPC channel')
const send = process.send.bind(process)
const say = (message: FromPackProcess): Promise<void> =>
  new Promise((resolve) => void send(message, undefined, undefined, () => resolve()))

process.once('message', ({ ref, profile, dataFolder }: ToPackProcess) => {
  const pack = async (): Promise<void> => {
    const reference = await openReference(ref)
    try {
      const onProgress = (progress: FromPackProcess & { kind: 'progress' }): void => void say(progress)
      const packed = await packReference(reference, profile, {
        dataFolder,
        onProgress: (progress) => onProgress({ kind: 'progress', progress }),
      })
      await packed.close()
    } finally {
      await reference.source.close()
    }
  }
  const failed = (error: unknown): Promise<void> => {
    const { code, message, definite } = asShoalError(error)
    return say({ kind: 'failed', code, message, definite })
  }
  const end = (): void => process.disconnect()
  pack().catch(failed).then(end, end)
})
process.on('disconnect', () => process.exit(0))
// The signals of a terminal go to all its processes: the parent decides what becomes of this one.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
