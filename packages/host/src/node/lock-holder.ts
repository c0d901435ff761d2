import { createHash } from 'node:crypto'
import { lstatSync, readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** Who holds a lock. */
export interface Holder {
  readonly pid: number
  readonly host: string
  /** Start time of the process, which tells it from a later one with the same pid; null where it is not known. */
  readonly startTime: string | null
  readonly lockedAtMs: number
  readonly token: string
}

/** @returns null for what is missing, or no lock of ours: nobody can be shown to hold it */
export function readHolder(path: string): Holder | null {
  try {
    if (lstatSync(path).isSymbolicLink()) return fromTarget(readlinkSync(path))
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof value !== 'object' || value === null || !('pid' in value) || typeof value.pid !== 'number')
      return null
    return value as Holder
  } catch {
    return null
  }
}

/**
 * A holder as the target of a symbolic link that leads nowhere. A target of up to 59 bytes stands in the link's inode, so
 * that a disk without a free block takes it, as it takes no file that has content.
 */
export function targetOf({ pid, host, startTime, lockedAtMs, token }: Holder): string {
  return [pid, startTime ?? '', Math.floor(lockedAtMs / 1000), shortHash(host), token.slice(0, 8)].join(':')
}

function fromTarget(target: string): Holder | null {
  const [, pid, startTime, lockedAt, host, token = ''] =
    /^(\d+):([^:]*):(\d+):([\da-f]{8}):([\da-f]{8})$/.exec(target) ?? []
  if (pid === undefined) return null
  return {
    pid: Number(pid),
    host: host === shortHash(hostname()) ? hostname() : 'another machine',
    startTime: startTime === '' ? null : (startTime ?? null),
    lockedAtMs: Number(lockedAt) * 1000,
    token,
  }
}

const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8)
