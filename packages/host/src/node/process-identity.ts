import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Whether a process with this pid runs now. A process of another user (EPERM) counts. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/**
 * A process's start time, which tells apart two processes that had the same pid one after the other.
 * @returns `ended` for a zombie; null when the process is gone, or where the platform has no cheap way to ask (Windows)
 */
export function startTimeOf(pid: number): string | null {
  if (process.platform === 'linux') {
    const fields = statFields(pid)
    return fields?.state === 'Z' ? 'ended' : (fields?.startTicks ?? null)
  }
  if (process.platform === 'win32') return null
  try {
    const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
    return started === '' ? null : started
  } catch {
    return null // ps exits 1 for a process that is gone
  }
}

/** The pid of a process's parent; null when it is not known. */
export function parentOf(pid: number): number | null {
  if (process.platform === 'linux') return statFields(pid)?.parent ?? null
  if (process.platform === 'win32') return null
  try {
    const parent = Number(
      execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    )
    return Number.isInteger(parent) && parent > 0 ? parent : null
  } catch {
    return null
  }
}

/** Fields 3, 4 and 22 of /proc/PID/stat (proc(5)). */
function statFields(pid: number): { state: string; parent: number; startTicks: string } | null {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return null
  }
  // Field 2 is the command in brackets and may hold spaces and brackets itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, parent, startTicks] = [fields[0], fields[1], fields[19]]
  if (state === undefined || parent === undefined || startTicks === undefined) return null
  return { state, parent: Number(parent), startTicks }
}
