import { open } from 'node:fs/promises'
import type { Clock } from '@shoal/host'

export interface DiskSpeed {
  /** Until the disk says that it has them. */
  readonly writeBytesPerSecond: number
  /** Of pages just written, which may still be in memory: the most that loading weights again can hope for. */
  readonly readBytesPerSecond: number
}

const chunkBytes = 2 ** 20
/** More than a drive's own buffer hides for long, less than a second on anything but a memory card. */
const defaultBytes = 64 * chunkBytes

/** Writes, flushes and reads one file at `path`; whoever made its folder removes it. */
export async function measureDisk(
  clock: Clock,
  path: string,
  signal: AbortSignal,
  bytes = defaultBytes,
): Promise<DiskSpeed> {
  // Not zeros: file systems and drives that compress would write nothing.
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
