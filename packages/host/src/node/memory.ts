import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { freemem } from 'node:os'

/** The text of a file, or null when there is none: cgroup files differ from machine to machine. */
export type ReadText = (path: string) => string | null

const readSystemText: ReadText = (path) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

/**
 * Bytes that this process may still allocate: the least of what the system has free and what each enclosing cgroup
 * allows.
 */
export function availableMemoryBytes(): number {
  if (process.platform === 'linux') return linuxAvailableMemoryBytes(readSystemText, freemem())
  if (process.platform === 'darwin') return darwinAvailableMemoryBytes(vmStat(), freemem())
  return freemem()
}

/**
 * Bytes that macOS can give away, from the report of `vm_stat(1)`: free pages, those read ahead (speculative) and those
 * not used lately (inactive). `freemem` counts only the free
 * pages, of which a machine that has run for an hour has nearly none.
 * @param freeBytes the answer when the report cannot be read
 */
export function darwinAvailableMemoryBytes(report: string, freeBytes: number): number {
  const pageBytes = Number(/page size of (\d+) bytes/.exec(report)?.[1])
  const pages = ['free', 'inactive', 'speculative'].map((kind) =>
    Number(new RegExp(`^Pages ${kind}:\\s+(\\d+)\\.$`, 'm').exec(report)?.[1]),
  )
  const bytes = pageBytes * pages.reduce((sum, count) => sum + count, 0)
  return Number.isFinite(bytes) ? bytes : freeBytes
}

/** The report of `vm_stat(1)`; empty where a sandbox hides the command. */
function vmStat(): string {
  try {
    return execFileSync('vm_stat', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return ''
  }
}

/** Computes {@link availableMemoryBytes} from files and figures that tests can replace. */
export function linuxAvailableMemoryBytes(readText: ReadText, freeBytes: number): number {
  // MemFree does not count page cache that the kernel gives back at once; MemAvailable does (proc_meminfo(5)).
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(readText('/proc/meminfo') ?? '')
  const systemBytes = available === null ? freeBytes : Number(available[1]) * 1024
  return Math.max(0, Math.min(systemBytes, cgroupRoomBytes(readText)))
}

/** Least room over the memory cgroups this process is in, itself and its ancestors; Infinity without a limit. */
function cgroupRoomBytes(readText: ReadText): number {
  let roomBytes = Number.POSITIVE_INFINITY
  for (const line of (readText('/proc/self/cgroup') ?? '').split('\n')) {
    // `0::/path` is version 2, `4:memory:/path` version 1 (cgroups(7)).
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line)
    if (match === null) continue
    const controllers = match[1] ?? ''
    const version = controllers === '' ? two : controllers.split(',').includes('memory') ? one : null
    if (version === null) continue
    for (const folder of foldersUp(version.root, match[2] ?? '/'))
      roomBytes = Math.min(roomBytes, roomIn(readText, folder, version))
  }
  return roomBytes
}

interface CgroupVersion {
  readonly root: string
  readonly limit: string
  readonly usage: string
  readonly reclaimable: RegExp
}

const two: CgroupVersion = {
  root: '/sys/fs/cgroup',
  limit: 'memory.max',
  usage: 'memory.current',
  reclaimable: /^inactive_file (\d+)$/m,
}
const one: CgroupVersion = {
  root: '/sys/fs/cgroup/memory',
  limit: 'memory.limit_in_bytes',
  usage: 'memory.usage_in_bytes',
  reclaimable: /^total_inactive_file (\d+)$/m,
}

/**
 * The cgroup's folder and those above it, down to the root: in a container the path may not exist but the root does.
 */
function foldersUp(root: string, path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..')
  return Array.from({ length: parts.length + 1 }, (_, up) =>
    [root, ...parts.slice(0, parts.length - up)].join('/'),
  )
}

function roomIn(readText: ReadText, folder: string, version: CgroupVersion): number {
  const limit = readText(`${folder}/${version.limit}`)?.trim()
  const usage = readText(`${folder}/${version.usage}`)?.trim()
  if (limit === undefined || usage === undefined || limit === 'max') return Number.POSITIVE_INFINITY
  // Usage includes page cache, which the kernel drops before an allocation fails.
  const reclaimable = version.reclaimable.exec(readText(`${folder}/memory.stat`) ?? '')
  return Number(limit) - Number(usage) + (reclaimable === null ? 0 : Number(reclaimable[1]))
}
