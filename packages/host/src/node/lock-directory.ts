import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, uptime } from 'node:os'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { ShoalError } from '../errors.ts'
import { makeFolder } from './make-folder.ts'
import { isRunning, startTimeOf } from './process-identity.ts'
import { renameWhenFree } from './rename-when-free.ts'

/** A claim on a folder, held until it is released or this process ends. */
export interface DirectoryLock {
  release(): void
}

interface Holder {
  readonly pid: number
  readonly host: string
  /** Start time of the process, which tells it from a later one with the same pid; null where it is not known. */
  readonly startTime: string | null
  readonly lockedAtMs: number
  readonly token: string
}

const lockName = 'shoal.lock'

/**
 * Makes `folder` and claims it: two nodes with one key and one set of files would contradict each other.
 *
 * The claim is a file with the holder's pid and start time. A holder that no longer runs (crash, kill -9, power loss)
 * is replaced.
 *
 * @throws {ShoalError} `in-use` while a live process holds it
 */
export function lockDirectory(folder: string): DirectoryLock {
  makeFolder(folder)
  const path = join(folder, lockName)
  const own: Holder = {
    pid: process.pid,
    host: hostname(),
    startTime: startTimeOf(process.pid),
    lockedAtMs: Date.now(),
    token: randomUUID(),
  }
  // Written before it gets its final name, so that no process reads a half-written lock.
  const draft = `${path}.${own.token}`
  try {
    writeFileSync(draft, `${JSON.stringify(own)}\n`)
    claim(folder, path, draft)
  } finally {
    rmSync(draft, { force: true })
  }
  const release = (): void => {
    process.off('exit', release)
    // The lock is another process's when a user removed it by hand and started another node.
    if (readHolder(path)?.token === own.token) rmSync(path, { force: true })
  }
  process.on('exit', release)
  return { release }
}

/** Gives `draft` the lock's name, moving a dead holder's lock out of the way first. */
function claim(folder: string, path: string, draft: string): void {
  for (let attempt = 0; attempt < 8; attempt += 1) {
    try {
      linkSync(draft, path)
      return
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      if (code !== 'EEXIST') {
        claimWithoutLinks(folder, path, draft, error)
        return
      }
    }
    const holder = readHolder(path)
    if (holder !== null && isHeld(holder)) throw inUse(folder, holder)
    evict(path, holder)
  }
  throw new ShoalError(
    'in-use',
    `several processes are trying to lock ${folder}; start them one after the other`,
  )
}

/** File systems without hard links (exFAT, some network shares): an exclusive create is atomic enough. */
function claimWithoutLinks(folder: string, path: string, draft: string, cause: unknown): void {
  const holder = readHolder(path)
  if (holder !== null && isHeld(holder)) throw inUse(folder, holder)
  if (holder !== null) evict(path, holder)
  try {
    writeFileSync(path, readFileSync(draft), { flag: 'wx' })
  } catch (error) {
    throw new ShoalError('in-use', `cannot lock ${folder}; choose another folder with --data DIR`, {
      cause: new AggregateError([cause, error]),
    })
  }
}

/** Removes a dead holder's lock, unless another process has already replaced it by its own. */
function evict(path: string, dead: Holder | null): void {
  const aside = `${path}.${randomUUID()}.old`
  try {
    renameWhenFree(path, aside)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return
    throw error
  }
  const moved = readHolder(aside)
  // The lock that was moved is not the one that was examined: give it back. Its owner is alive; the next attempt finds
  // it.
  if (moved !== null && moved.token !== dead?.token) linkSync(aside, path)
  rmSync(aside, { force: true })
}

function readHolder(path: string): Holder | null {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof value !== 'object' || value === null || !('pid' in value) || typeof value.pid !== 'number')
      return null
    return value as Holder
  } catch {
    return null // missing, or not a lock of ours: nobody can be shown to hold it
  }
}

function isHeld(holder: Holder): boolean {
  // A pid of another machine, on a shared disk, cannot be checked here: its holder counts as alive.
  if (holder.host !== hostname()) return true
  const bootedAtMs = Date.now() - uptime() * 1000
  // A minute of grace: the wall clock may have been set since.
  if (holder.lockedAtMs < bootedAtMs - 60_000) return false
  if (!isRunning(holder.pid)) return false
  const startTime = startTimeOf(holder.pid)
  return holder.startTime === null || startTime === null || holder.startTime === startTime
}

function inUse(folder: string, holder: Holder): ShoalError {
  const where =
    holder.host === hostname() ? `process ${holder.pid}` : `process ${holder.pid} on ${holder.host}`
  return new ShoalError(
    'in-use',
    `${folder} is in use by ${where}; stop it, or choose another folder with --data DIR`,
  )
}
