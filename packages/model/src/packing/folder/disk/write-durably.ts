import { open, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ModelError } from '../../../error.ts'
import { renameWhenFree } from './rename-when-free.ts'

/** Writes a small file so that after a crash either the old or the whole new one is there. */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const partialPath = `${path}.partial`
  const handle = await open(partialPath, 'w')
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await renameDurably(partialPath, path)
}

/** Renames a file that has been synced, then syncs the folder, which is what holds the name. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await renameWhenFree(from, to)
  // Windows cannot open folders, and its file systems journal the rename by themselves.
  if (process.platform === 'win32') return
  const folder = await open(dirname(to), 'r')
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
  try {
    for (let done = 0; done < bytes.byteLength;) {
      const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done, offset + done)
      done += bytesWritten
    }
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new ModelError(
        'disk-full',
        `the disk is full (${code}): ${bytes.byteLength} bytes could not be written`,
        { cause },
      )
    throw cause
  }
}
