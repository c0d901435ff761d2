import { execFileSync } from 'node:child_process'
import { readFileSync, statfsSync } from 'node:fs'
import { availableParallelism, hostname, networkInterfaces } from 'node:os'
import { dirname } from 'node:path'

/** Bytes that this user may still write to the file system of `path`, or of its nearest existing parent. */
export function freeDiskBytes(path: string): number {
  for (let folder = path; ; folder = dirname(folder)) {
    try {
      const { bavail, bsize } = statfsSync(folder)
      return bavail * bsize
    } catch (error) {
      const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
      if (!missing || folder === dirname(folder)) throw error
    }
  }
}

/**
 * Physical cores. Two hardware threads of one core share its arithmetic units, so that matrix products gain nothing from
 * the second. Never more than the scheduler gives this process (affinity, cgroup quota).
 */
export function physicalCores(): number {
  const usable = availableParallelism()
  const counted = countCores() ?? usable
  return Math.max(1, Math.min(counted, usable))
}

/**
 * A text that is equal for all processes that share this machine's cores, and for no others. On Linux it is the running
 * kernel's boot id, which containers share and copies of an installed system do not.
 */
export function machineIdentity(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    const cards = Object.values(networkInterfaces()).flatMap(
      (addresses) => addresses?.filter(({ internal }) => !internal).map(({ mac }) => mac) ?? [],
    )
    return [hostname(), ...new Set(cards)].sort().join(' ')
  }
}

function countCores(): number | null {
  try {
    if (process.platform === 'linux') return coresInCpuinfo(readFileSync('/proc/cpuinfo', 'utf8'))
    if (process.platform === 'darwin')
      return Number(execFileSync('sysctl', ['-n', 'hw.physicalcpu'], { encoding: 'utf8' })) || null
  } catch {
    return null // a sandbox may hide both: the scheduler's count is the fallback
  }
  return null
}

/**
 * Distinct (physical id, core id) pairs; null on ARM, whose cpuinfo has neither (and whose cores have one thread
 * each).
 */
export function coresInCpuinfo(text: string): number | null {
  const cores = new Set<string>()
  for (const section of text.split(/\n\s*\n/)) {
    const core = /^core id\s*:\s*(\d+)/m.exec(section)?.[1]
    const socket = /^physical id\s*:\s*(\d+)/m.exec(section)?.[1]
    if (core !== undefined && socket !== undefined) cores.add(`${socket}/${core}`)
  }
  return cores.size === 0 ? null : cores.size
}
