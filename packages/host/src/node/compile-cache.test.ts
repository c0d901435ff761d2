import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ownedFolder } from './compile-cache.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'shoal-cache-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const me = process.getuid?.()

test('a folder is made for its owner alone', () => {
  const path = join(folder, 'a', 'b')
  expect(ownedFolder(path, me)).toBe(path)
  if (me !== undefined) expect(statSync(path).mode & 0o777).toBe(0o700)
  expect(ownedFolder(path, me)).toBe(path)
})

test.skipIf(me === undefined)(
  'a folder that other users own or may write to is not used (skipped where there are no user ids)',
  () => {
    chmodSync(folder, 0o777)
    expect(ownedFolder(folder, me)).toBeNull()
    chmodSync(folder, 0o700)
    expect(ownedFolder(folder, me! + 1)).toBeNull()
  },
)

test('a path that is not a folder is not used', () => {
  const file = join(folder, 'file')
  writeFileSync(file, '')
  expect(ownedFolder(join(file, 'cache'), me)).toBeNull()
  expect(ownedFolder(file, me)).toBeNull()
})
