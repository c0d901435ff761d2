import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { renameWhenFree } from './rename-when-free.ts'

/**
 * Replaces a file atomically: a reader sees the old bytes or the new ones, never a part, also after a loss of power.
 * The rename replaces an existing file on every platform, Windows included.
 */
export function writeFileAtomically(path: string, content: string | Uint8Array, mode = 0o644): void {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  const temporary = `${path}.${process.pid}.tmp`
  // A file left by a crashed process with the same pid would keep its own mode.
  rmSync(temporary, { force: true })
  const file = openSync(temporary, 'wx', mode)
  try {
    try {
      for (let written = 0; written < bytes.byteLength;) written += writeSync(file, bytes, written)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameWhenFree(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    // What cannot be written to an open file, on a full disk say, does not name it.
    if (error instanceof Error && !('path' in error)) throw Object.assign(error, { path })
    throw error
  }
}
