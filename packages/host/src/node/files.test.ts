import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Logger } from '../logger.ts'
import { silentLogger } from '../logger.ts'
import { writeFileAtomically } from './atomic-file.ts'
import { dataDirectory } from './data-directory.ts'
import { nextIncarnation } from './incarnation.ts'
import { lockDirectory } from './lock-directory.ts'
import { readHolder, targetOf } from './lock-holder.ts'
import { freeDiskBytes } from './machine.ts'
import { startTimeOf } from './process-identity.ts'
import { makeFolder } from './make-folder.ts'
import { renameWhenFree } from './rename-when-free.ts'
import { loadOrCreateKey } from './secret-file.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-host-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const posixOnly = test.skipIf(process.platform === 'win32')

test('data directory: the option, then SHOAL_DATA, then the platform', () => {
  expect(dataDirectory('a', { SHOAL_DATA: 'b' })).toBe(resolve('a'))
  expect(dataDirectory(undefined, { SHOAL_DATA: 'b' })).toBe(resolve('b'))
  expect(dataDirectory(undefined, { SHOAL_DATA: '' })).toBe(dataDirectory(undefined, {}))
  expect(dataDirectory(undefined, {})).toMatch(/shoal/)
})

test('a folder is made together with its missing parents', () => {
  const path = join(folder, 'a', 'b', 'c')
  makeFolder(path)
  makeFolder(path)
  expect(statSync(path).isDirectory()).toBe(true)
  writeFileSync(join(path, 'file'), '')
  expect(() => makeFolder(join(path, 'file'))).toThrow(/EEXIST/)
  expect(() => makeFolder(join(path, 'file', 'd'))).toThrow(/EEXIST|ENOTDIR/)
})

test.skipIf(process.platform !== 'linux')(
  'a folder that cannot be made is refused, not tried for ever',
  () => {
    expect(() => makeFolder('/proc/nope')).toThrow(/ENOENT/)
    expect(() => lockDirectory('/proc/nope/deeper')).toThrow(/ENOENT/)
  },
)

test('an atomic write replaces the whole file and leaves nothing beside it', () => {
  const path = join(folder, 'file')
  writeFileAtomically(path, 'a longer first version')
  writeFileAtomically(path, 'second')
  expect(readFileSync(path, 'utf8')).toBe('second')
  expect(readdirSync(folder)).toEqual(['file'])
})

test('a rename that Windows refuses is tried again, and other systems report the refusal at once', () => {
  const failing = (codes: string[]) => () => {
    const code = codes.shift()
    if (code !== undefined) throw Object.assign(new Error(code), { code })
  }
  const left = ['EBUSY', 'EPERM', 'EACCES']
  renameWhenFree('a', 'b', 'win32', failing(left))
  expect(left).toEqual([])
  expect(() => renameWhenFree('a', 'b', 'win32', failing(['ENOENT']))).toThrow('ENOENT')
  expect(() => renameWhenFree('a', 'b', 'linux', failing(['EBUSY']))).toThrow('EBUSY')
})

test('an atomic write that fails leaves nothing behind', () => {
  const path = join(folder, 'folder')
  writeFileAtomically(join(folder, 'inside'), '')
  expect(() => writeFileAtomically(join(path, 'no', 'such'), 'x')).toThrow(/ENOENT/)
  expect(readdirSync(folder)).toEqual(['inside'])
})

test('incarnations only grow, whatever the wall clock does', () => {
  const path = join(folder, 'incarnation')
  expect(nextIncarnation(path, 5_000_000)).toBe(5000)
  expect(nextIncarnation(path, 5_000_000)).toBe(5001)
  expect(nextIncarnation(path, 1000)).toBe(5002)
  expect(nextIncarnation(path, 9_000_999)).toBe(9000)
  expect(nextIncarnation(join(folder, 'other'))).toBeGreaterThan(1_700_000_000)
})

test.each(['', 'x', '-4', '1.5', '99999999999999999999'])(
  'an incarnation file holding %j is refused with its name',
  (text) => {
    const path = join(folder, 'incarnation')
    writeFileSync(path, text)
    expect(() => nextIncarnation(path)).toThrow(path)
  },
)

posixOnly('a key is made once, with mode 0600', async () => {
  const path = join(folder, 'keys', 'peer.key')
  const made = await loadOrCreateKey(path, () => Uint8Array.of(1, 2, 3))
  const loaded = await loadOrCreateKey(path, () => Promise.reject(new Error('must not be called')))
  expect([...made]).toEqual([1, 2, 3])
  expect([...loaded]).toEqual([1, 2, 3])
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

posixOnly('a key that others may read is closed to them, with one warning', async () => {
  const path = join(folder, 'peer.key')
  writeFileSync(path, 'key', { mode: 0o644 })
  const warnings: string[] = []
  const logger: Logger = { ...silentLogger, warn: (event) => warnings.push(event) }
  await loadOrCreateKey(path, () => new Uint8Array(), logger)
  await loadOrCreateKey(path, () => new Uint8Array(), logger)
  expect(warnings).toEqual(['key-exposed'])
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('free disk space is that of the nearest existing folder', () => {
  expect(freeDiskBytes(join(folder, 'not', 'yet'))).toBeGreaterThan(0)
})

const lockPath = (): string => join(folder, 'shoal.lock')
const holder = (fields: object): string =>
  JSON.stringify({
    pid: process.pid,
    host: hostname(),
    startTime: startTimeOf(process.pid),
    lockedAtMs: Date.now(),
    token: 't',
    ...fields,
  })

test('a second lock is refused with the process, the folder and the alternatives', () => {
  const lock = lockDirectory(folder)
  expect(() => lockDirectory(folder)).toThrow(
    `${folder} is in use by process ${process.pid}; stop it, or choose another folder with --data DIR`,
  )
  lock.release()
  lock.release()
  const again = lockDirectory(folder)
  again.release()
  expect(readdirSync(folder)).toEqual([])
})

const deadPid = (): number => spawnSync(process.execPath, ['-e', '']).pid

test.each([
  ['a dead process', () => holder({ pid: deadPid() })],
  ['a process of before the last boot', () => holder({ lockedAtMs: 1 })],
  ['not a lock', () => 'garbage'],
  ['an empty file', () => ''],
])('a lock left by %s is taken over', (_name, content) => {
  writeFileSync(lockPath(), content())
  const lock = lockDirectory(folder)
  expect(JSON.parse(readFileSync(lockPath(), 'utf8'))).toMatchObject({ pid: process.pid })
  expect(readdirSync(folder)).toEqual(['shoal.lock'])
  lock.release()
  expect(existsSync(lockPath())).toBe(false)
})

test.skipIf(process.platform === 'win32')(
  'another process that has the pid of a dead holder does not hold the lock',
  () => {
    writeFileSync(lockPath(), holder({ startTime: 'earlier' }))
    lockDirectory(folder).release()
  },
)

posixOnly.each([
  ['in use', process.pid, true],
  ['taken over', 0, false],
])('a lock that a full disk has taken as a link is %s', (_name, pid, held) => {
  const fields = { host: hostname(), lockedAtMs: Date.now(), token: '0123abcd-4567' }
  const own = pid === 0 ? { pid: deadPid(), startTime: '1' } : { pid, startTime: startTimeOf(pid) }
  const target = targetOf({ ...fields, ...own })
  // What stands in the inode needs no block.
  expect(target.length).toBeLessThan(60)
  symlinkSync(target, lockPath())
  expect(readHolder(lockPath())).toMatchObject({ ...own, host: hostname(), token: '0123abcd' })
  if (held) return expect(() => lockDirectory(folder)).toThrow(`is in use by process ${pid}`)
  lockDirectory(folder).release()
  expect(readdirSync(folder)).toEqual([])
})

test('a holder on another machine counts as alive', () => {
  writeFileSync(lockPath(), holder({ host: 'elsewhere', pid: deadPid() }))
  expect(() => lockDirectory(folder)).toThrow(/on elsewhere/)
})

test('releasing does not remove the lock of another process', () => {
  const lock = lockDirectory(folder)
  writeFileSync(lockPath(), holder({ token: 'other' }))
  lock.release()
  expect(existsSync(lockPath())).toBe(true)
})

test('a lock is released when its process exits', () => {
  const script = `import { lockDirectory } from ${JSON.stringify(new URL('lock-directory.ts', import.meta.url).href)}; lockDirectory(process.argv[1]); process.exit(3)`
  const result = spawnSync(process.execPath, ['--input-type=module', '-e', script, folder], {
    encoding: 'utf8',
  })
  expect(result.status, result.stderr).toBe(3)
  expect(readdirSync(folder)).toEqual([])
})

test('when many processes find the lock of a dead process at once, exactly one gets it', async () => {
  writeFileSync(lockPath(), holder({ pid: deadPid() }))
  const { spawn } = await import('node:child_process')
  const script = `import { lockDirectory } from ${JSON.stringify(new URL('lock-directory.ts', import.meta.url).href)}
    let got = false
    try { lockDirectory(process.argv[1]); got = true } catch (error) { if (error.code !== 'in-use') throw error }
    process.stdout.write(got ? 'got' : 'refused')
    process.stdin.resume()` // holds on until the test has heard everybody
  const children = Array.from({ length: 5 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', script, folder], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  )
  const words = await Promise.all(
    children.map(
      (child) =>
        new Promise<string>((heard) => child.stdout.once('data', (data: Buffer) => heard(data.toString()))),
    ),
  )
  await Promise.all(
    children.map((child) => {
      const ended = new Promise((done) => child.once('exit', done))
      child.stdin.end()
      return ended
    }),
  )
  expect(words.filter((word) => word === 'got')).toHaveLength(1)
  expect(readdirSync(folder)).toEqual([])
})
