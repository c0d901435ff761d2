import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
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

test('a log that cannot be written loses lines, ends nothing, and goes on when it can', async () => {
  const path = join(folder, 'shoal.log')
  // Stands for a full disk: the file cannot be written, and later it can.
  mkdirSync(path)
  const failures: string[] = []
  const file = new SteadyFile(path, { onFailure: (error) => failures.push(error.message), retryMs: 0 })
  file.write('one\n')
  await until(() => failures.length === 1)
  // Tried again and failed again: not told again.
  file.write('two\n')
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(failures).toHaveLength(1)
  rmSync(path, { recursive: true })
  file.write('three\n')
  await until(() => existsSync(path) && readFileSync(path, 'utf8').includes('three'))
  await file.close()
  const [lost, line] = readFileSync(path, 'utf8').split('\n')
  expect(JSON.parse(lost!)).toMatchObject({ event: 'log-lines-lost', count: 2 })
  expect(line).toBe('three')
})
