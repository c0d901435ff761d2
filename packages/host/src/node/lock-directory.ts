import { linkSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname, uptime } from 'node:os'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { ShoalError } from '../errors.ts'
import { readHolder, targetOf, type Holder } from './lock-holder.ts'
import { makeFolder } from './make-folder.ts'
import { isRunning, startTimeOf } from './process-identity.ts'
import { renameWhenFree } from './rename-when-free.ts'

/** A claim on a folder, held until it is released or this process ends. */
export interface DirectoryLock {
  release(): void
}

const lockName = 'shoal.lock'

/**
 * Makes `folder` and claims it: two nodes with one key and one set of files would contradict each other.
 *
 * The claim is a file with the holder's pid and start time. A holder that no longer runs (crash, kill -9, power loss)
 * is replaced. A full disk takes no such file; there the claim is a symbolic link that leads nowhere, where the file system
 * has them.
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
    if (write(draft, own)) claim(path, folder, () => linkSync(draft, path), draft)
    else claim(path, folder, () => symlinkSync(targetOf(own), path), null)
  } finally {
    rmSync(draft, { force: true })
  }
  const release = (): void => {
    process.off('exit', release)
    // The lock is another process's when a user removed it by hand and started another node.
    if (own.token.startsWith(readHolder(path)?.token ?? 'nobody')) rmSync(path, { force: true })
  }
  process.on('exit', release)
  return { release }
}

/** @returns false where the disk is full */
function write(draft: string, own: Holder): boolean {
  try {
    writeFileSync(draft, `${JSON.stringify(own)}\n`)
    return true
  } catch (error) {
    if (['ENOSPC', 'EDQUOT'].includes(String(codeOf(error)))) return false
    throw error
  }
}

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined

/**
 * Takes the lock's name, moving a dead holder's lock out of the way first.
 * @param draft what to write where `take` cannot be used; null when nothing can be written
 */
function claim(path: string, folder: string, take: () => void, draft: string | null): void {
  for (let attempt = 0; attempt < 8; attempt += 1) {
    try {
      take()
      return
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') {
        if (draft === null) throw diskFull(folder, error)
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
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  const moved = readHolder(aside)
  // The lock that was moved is not the one that was examined: give it back. Its owner is alive; the next attempt finds
  // it.
  if (moved !== null && moved.token !== dead?.token) linkSync(aside, path)
  rmSync(aside, { force: true })
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

function diskFull(folder: string, cause: unknown): ShoalError {
  return new ShoalError(
    'disk-full',
    `the disk of ${folder} is full, so that it cannot be locked; free some room, or choose another folder with --data DIR`,
    { cause },
  )
}

function inUse(folder: string, holder: Holder): ShoalError {
  const where =
    holder.host === hostname() ? `process ${holder.pid}` : `process ${holder.pid} on ${holder.host}`
  return new ShoalError(
    'in-use',
    `${folder} is in use by ${where}; stop it, or choose another folder with --data DIR`,
  )
}
