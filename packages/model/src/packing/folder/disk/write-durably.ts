import { open, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { tellFullDisk } from './full-disk.ts'
import { renameWhenFree } from './rename-when-free.ts'

/**
 * Writes a small file so that after a crash either the old or the whole new one is there.
 * @throws {ModelError} `disk-full`; nothing is left behind then
 */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const partialPath = `${path}.partial`
  await tellFullDisk(async () => {
    const handle = await open(partialPath, 'w')
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } catch (error) {
      // What was written takes room that others need now.
      await rm(partialPath, { force: true }).catch(() => undefined)
      throw error
    } finally {
      await handle.close()
    }
  }, path)
  await renameDurably(partialPath, path)
}

/** With too many files open a folder cannot be synced. */
const noHandle: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE'])

/**
 * Renames a file that has been synced, then syncs the folder, which is what holds the name. Without a handle for that, a
 * loss of power may take the new name back, and the file is made again: that is no reason to give up a file that is whole.
 */
export async function renameDurably(from: string, to: string): Promise<void> {
  await renameWhenFree(from, to)
  // Windows cannot open folders, and its file systems journal the rename by themselves.
  if (process.platform === 'win32') return
  const folder = await open(dirname(to), 'r').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && noHandle.has(error.code)) return null
    throw error
  })
  if (folder === null) return
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/**
 * Writes all of `bytes` at `offset`; a single `write` may write less.
 * @throws {ModelError} `disk-full`, also when it was another process that filled the disk
 */
export async function writeFully(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  await tellFullDisk(async () => {
    for (let done = 0; done < bytes.byteLength;) {
      const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done, offset + done)
      done += bytesWritten
    }
  })
}
