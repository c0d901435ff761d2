import { isRunning, parentOf, startTimeOf } from './process-identity.ts'

export interface ExitWithParentOptions {
  /**
   * Runs first, for a clean end (leaving the swarm, removing files). The process ends `graceMs` later at the latest.
   */
  readonly onParentGone?: () => void
  /** Default 5,000: longer than leaving a swarm on a LAN, shorter than a user waits for a port to become free. */
  readonly graceMs?: number
}

/**
 * Ends this process when its parent does, also by kill -9, on every platform: the kernel closes a dead process's end
 * of a pipe. Watches the IPC channel when there is one, else standard input (give it a pipe).
 */
export function exitWithParent(options: ExitWithParentOptions = {}): void {
  const onGone = once(() => end(options))
  if (process.connected) {
    process.once('disconnect', onGone)
    // Otherwise the listener keeps the process alive.
    process.channel?.unref()
    return
  }
  process.stdin.once('end', onGone)
  process.stdin.once('close', onGone)
  process.stdin.once('error', onGone)
  process.stdin.resume()
  if ('unref' in process.stdin) process.stdin.unref()
}

/**
 * Does the same for a process whose pipes belong to another one: it checks twice a second whether its `generations` nearest
 * ancestors still run. `npm start` is npm → shell → node, and killing npm leaves both others running.
 * (On Windows only the parent is watched: the grandparent is not known.)
 */
export function watchAncestors(generations: number, options: ExitWithParentOptions = {}): void {
  const ancestors: { pid: number; startTime: string | null }[] = []
  for (
    let pid: number | null = process.ppid;
    pid !== null && pid > 1 && ancestors.length < generations;
    pid = parentOf(pid)
  ) {
    ancestors.push({ pid, startTime: startTimeOf(pid) })
  }
  const parent = process.ppid
  const onGone = once(() => end(options))
  const timer = setInterval(() => {
    // An orphan gets a new parent on POSIX; on Windows it keeps the old number.
    const gone = process.ppid !== parent || ancestors.some(({ pid, startTime }) => !isSame(pid, startTime))
    if (!gone) return
    clearInterval(timer)
    onGone()
  }, 500)
  timer.unref()
}

function isSame(pid: number, startTime: string | null): boolean {
  if (!isRunning(pid)) return false
  // Only Linux answers cheaply enough to ask twice a second, and only there zombies of a careless parent are common.
  return process.platform !== 'linux' || startTime === null || startTimeOf(pid) === startTime
}

function once(action: () => void): () => void {
  let done = false
  return () => {
    if (done) return
    done = true
    action()
  }
}

function end({ onParentGone, graceMs = 5000 }: ExitWithParentOptions): void {
  if (onParentGone === undefined) process.exit(1)
  // Unreferenced: a process with nothing left to do ends at once.
  setTimeout(() => process.exit(1), graceMs).unref()
  onParentGone()
}
