import { rename } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'

/** Codes with which Windows refuses to rename a file or folder that another program, such as a virus scanner, has open. */
const inUse: ReadonlySet<unknown> = new Set(['EACCES', 'EBUSY', 'EPERM'])

/** Milliseconds between attempts, two seconds in all: a scanner holds a file of some megabytes for tenths of a second. */
const pausesMs = [10, 20, 50, 100, 200, 400, 600, 620]

/**
 * Renames a file or folder. On Windows the rename is tried again for two seconds while another program has it open.
 * @param moving the rename itself, for tests
 */
export async function renameWhenFree(
  from: string,
  to: string,
  platform: NodeJS.Platform = process.platform,
  moving: (from: string, to: string) => Promise<void> = rename,
): Promise<void> {
  for (const pauseMs of platform === 'win32' ? pausesMs : []) {
    try {
      return await moving(from, to)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && inUse.has(error.code))) throw error
    }
    await pause(pauseMs)
  }
  await moving(from, to)
}
