import { lstatSync, mkdirSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import envPaths from 'env-paths'

/**
 * Keeps compiled code among this user's caches, for what is imported from now on: an entry of its own, so that a program
 * can call it before it imports anything else. NODE_DISABLE_COMPILE_CACHE=1 turns it off.
 */
export function keepCompiledCode(): void {
  const folder = cacheDirectory()
  if (folder === null) return
  enableCompileCache(folder)
  // Threads and processes that this process starts look at the environment only.
  process.env['NODE_COMPILE_CACHE'] ??= folder
}

/** Shoal's folder among this user's caches; null when there is none that only this user can write to. */
export function cacheDirectory(): string | null {
  return ownedFolder(envPaths('shoal', { suffix: '' }).cache, process.getuid?.())
}

/**
 * A folder for Node's compile cache, made when it is missing. With the cache a start takes half the time to load code. A
 * user who can write there decides what this process executes, so the folder must belong to this user alone.
 * @returns the folder; null when it cannot be made, or is not safe to use
 *
 * @param userId user id of this process; undefined on systems without user ids
 */
export function ownedFolder(path: string, userId: number | undefined): string | null {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    const { uid, mode } = lstatSync(path)
    const foreign = userId !== undefined && (uid !== userId || (mode & 0o022) !== 0)
    return foreign ? null : path
  } catch {
    // No home, no disk space or no permission: a start without a cache works as well.
    return null
  }
}
