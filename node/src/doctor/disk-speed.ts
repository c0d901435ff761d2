import { open } from 'node:fs/promises'
import type { Clock } from '@shoal/host'

export interface DiskSpeed {
  /** Writing, the flush to the disk included. */
  readonly writeBytesPerSecond: number
  /** Reading of pages just written, which may still be cached: an upper bound for loading weights again. */
  readonly readBytesPerSecond: number
}

const chunkBytes = 2 ** 20
/** More than a drive's buffer can hide; written in under a second by anything faster than a memory card. */
const defaultBytes = 64 * chunkBytes

/** Writes, flushes and reads one file at `path`. The caller removes the folder that holds it. */
export async function measureDisk(
  clock: Clock,
  path: string,
  signal: AbortSignal,
  bytes = defaultBytes,
): Promise<DiskSpeed> {
  // Zeros would be compressed away by some file systems and drives.
  const chunk = Uint8Array.from({ length: chunkBytes }, (_, i) => Math.imul(i, 2_654_435_761) >>> 24)
  const file = await open(path, 'w+')
  try {
    const perSecond = async (work: () => Promise<void>): Promise<number> => {
      const startMs = clock.nowMs()
      await work()
      return Math.round(bytes / (Math.max(0.001, clock.nowMs() - startMs) / 1000))
    }
    const writeBytesPerSecond = await perSecond(async () => {
      for (let offset = 0; offset < bytes; offset += chunkBytes) {
        signal.throwIfAborted()
        await file.write(chunk, 0, chunkBytes, offset)
      }
      await file.sync()
    })
    const readBytesPerSecond = await perSecond(async () => {
      for (let offset = 0; offset < bytes; offset += chunkBytes) {
        signal.throwIfAborted()
        await file.read(chunk, 0, chunkBytes, offset)
      }
    })
    return { writeBytesPerSecond, readBytesPerSecond }
  } finally {
    await file.close()
  }
}
