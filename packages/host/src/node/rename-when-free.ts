import { renameSync } from 'node:fs'

/** Codes with which Windows refuses to rename a file that another program, such as a virus scanner, has open. */
const inUse: ReadonlySet<unknown> = new Set(['EACCES', 'EBUSY', 'EPERM'])

/** Milliseconds between attempts. The thread blocks meanwhile, so a tenth of a second in all must do for small files. */
const pausesMs = [1, 2, 5, 10, 20, 30, 32]

/**
 * Renames a small file, synchronously. On Windows the rename is tried again for a tenth of a second while another
 * program has the file open.
 * @param moving the rename itself, for tests
 */
export function renameWhenFree(
  from: string,
  to: string,
  platform: NodeJS.Platform = process.platform,
  moving: (from: string, to: string) => void = renameSync,
): void {
  for (const pauseMs of platform === 'win32' ? pausesMs : []) {
    try {
      return moving(from, to)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && inUse.has(error.code))) throw error
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs)
  }
  moving(from, to)
}
