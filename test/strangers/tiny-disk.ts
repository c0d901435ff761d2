import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A file system of its own that a test can fill. */
export interface TinyDisk {
  readonly path: string
  /** Changes its size. */
  resize(mebibytes: number): void
  close(): void
}

/** @returns null where this process may mount nothing: on other systems than Linux, and for users without that right */
export function mountTinyDisk(mebibytes: number): TinyDisk | null {
  if (process.platform !== 'linux') return null
  const path = mkdtempSync(join(tmpdir(), 'shoal-disk-'))
  const run = (command: string, ...args: string[]): void =>
    void execFileSync(command, args, { stdio: 'ignore' })
  try {
    run('mount', '-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'shoal-test', path)
  } catch {
    rmSync(path, { recursive: true })
    return null
  }
  return {
    path,
    resize: (size) => run('mount', '-o', `remount,size=${size}m`, path),
    close() {
      // Lazily: a process that is being ended may still have a file open.
      run('umount', '-l', path)
      rmSync(path, { recursive: true })
    },
  }
}
