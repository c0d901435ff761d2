import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'

/** Ids of a process's compute threads, by their name; empty where the system does not name threads. */
export function computeThreads(processId: number): number[] {
  try {
    return readdirSync(`/proc/${processId}/task`)
      .filter(
        (thread) => readFileSync(`/proc/${processId}/task/${thread}/comm`, 'utf8').trim() === 'shoal-compute',
      )
      .map(Number)
  } catch {
    return []
  }
}

/**
 * Binds a thread to a core by `taskset`, as MPI binds ranks: two processes that wake each other over loopback are
 * otherwise put on one core by Linux, for seconds at a time, while the other core is idle (docs/log.md).
 * @returns whether it is bound
 */
export function bindToCore(thread: number, core: number): boolean {
  return bind(thread, String(core))
}

/** Lets a thread run on every core again: what it starts from then on does so, too. */
export function unbind(thread: number): void {
  bind(thread, `0-${cpus().length - 1}`)
}

function bind(thread: number, cores: string): boolean {
  return spawnSync('taskset', ['-cp', cores, String(thread)], { stdio: 'ignore' }).status === 0
}
