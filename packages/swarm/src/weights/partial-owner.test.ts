import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { thisProcess } from './partial-owner.ts'

const [pid, started, machine] = thisProcess.name.split('-')
const ended = spawnSync(process.execPath, ['-e', '0']).pid

test.each([
  ['this process', thisProcess.name, false],
  ['the parent, which runs, at another start', `${process.ppid}-00000000-${machine}`, true],
  ['a process that has ended', `${ended}-${started}-${machine}`, true],
  ['a process of another machine, which cannot be asked', `${ended}-${started}-00000000`, false],
  ['this number before a restart', `${pid}-00000000-${machine}`, true],
  ['something else', 'somebody', false],
])('%s: gone or not', (_, name, gone) => {
  expect(thisProcess.isGone(name)).toBe(gone)
})

test('the name can be part of a file name', () => {
  expect(thisProcess.name).toMatch(/^[\w-]+$/)
})
