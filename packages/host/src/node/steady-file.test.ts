import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { SteadyFile } from './steady-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'shoal-steady-'))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Lets the file system answer. */
const until = async (done: () => boolean): Promise<void> => {
  while (!done()) await new Promise((resolve) => setImmediate(resolve))
}

test.skipIf(!existsSync('/dev/full'))(
  'a log on a full disk loses lines, ends nothing, and goes on when there is room again',
  async () => {
    const path = join(folder, 'shoal.log')
    // Every write to this device fails with ENOSPC.
    symlinkSync('/dev/full', path)
    const failures: string[] = []
    const file = new SteadyFile(path, { onFailure: (error) => failures.push(error.message), retryMs: 0 })
    file.write('one\n')
    await until(() => failures.length === 1)
    expect(failures[0]).toMatch(/ENOSPC/)
    // Tried again and full still: not told again.
    file.write('two\n')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(failures).toHaveLength(1)
    rmSync(path)
    file.write('three\n')
    await until(() => existsSync(path) && readFileSync(path, 'utf8').includes('three'))
    await file.close()
    const [lost, line] = readFileSync(path, 'utf8').split('\n')
    expect(JSON.parse(lost!)).toMatchObject({ event: 'log-lines-lost', count: 2 })
    expect(line).toBe('three')
  },
)
