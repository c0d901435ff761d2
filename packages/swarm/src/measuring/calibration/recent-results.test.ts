import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger, type Clock } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { afterEach, expect, test } from 'vitest'
import { recentResults } from './recent-results.ts'

const folder = mkdtempSync(join(tmpdir(), 'shoal-recent-'))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const at = (laterMs: number): { clock: Clock; logger: typeof silentLogger } => ({
  clock: { ...systemClock, wallMs: () => systemClock.wallMs() + laterMs },
  logger: silentLogger,
})

test('a result is shared for ten minutes, under its own key only', async () => {
  mkdirSync(folder, { recursive: true })
  recentResults(folder, at(0)).keep('a', { micros: 7 })
  expect(await recentResults(folder, at(0)).read('a')).toEqual({ micros: 7 })
  expect(await recentResults(folder, at(0)).read('b')).toBeNull()
  expect(await recentResults(folder, at(9 * 60_000)).read('a')).toEqual({ micros: 7 })
  expect(await recentResults(folder, at(11 * 60_000)).read('a')).toBeNull()
  for (const name of readdirSync(folder)) writeFileSync(join(folder, name), '{"half')
  expect(await recentResults(folder, at(0)).read('a')).toBeNull()
})

test('without a folder nothing is shared, and a folder that is gone is no failure', async () => {
  for (const where of [null, join(folder, 'gone')]) {
    const results = recentResults(where, at(0))
    results.keep('a', 1)
    expect(await results.read('a')).toBeNull()
  }
})
