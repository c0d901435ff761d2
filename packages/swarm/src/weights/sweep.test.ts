import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createVirtualClock, silentLogger } from '@shoal/host'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sweepDataFolder } from './sweep.ts'

const owner = { name: 'living-1', isGone: (name: string) => name.startsWith('gone') }
const dayMs = 24 * 3_600_000
const nowMs = 100 * dayMs
const clock = { ...createVirtualClock(), wallMs: () => nowMs }
let dataFolder: string

beforeEach(() => {
  dataFolder = mkdtempSync(join(tmpdir(), 'shoal-sweep-'))
})
afterEach(() => rmSync(dataFolder, { recursive: true, force: true }))

function partial(name: string, ageDays: number, newestDays = ageDays): void {
  const path = join(dataFolder, 'models', name)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'data'), 'x')
  const at = (days: number): Date => new Date(nowMs - days * dayMs)
  utimesSync(join(path, 'data'), at(newestDays), at(newestDays))
  utimesSync(path, at(ageDays), at(ageDays))
}
const left = (): string[] =>
  readdirSync(join(dataFolder, 'models'), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.partial'))
    .sort()

test('old leftovers of those who are gone are removed, and nothing else', async () => {
  partial('demo.abc.f32.gone-1.1.partial', 8)
  partial('demo.abc.f32.gone-2.1.partial', 6)
  partial('demo.abc.f32.other-2.1.partial', 80)
  partial('demo.abc.f32.living-1.7.partial', 8)
  partial('aaaa/block-0.bin.gone-1.3.partial', 30)
  partial('aaaa/block-1.bin.gone-1.3.partial', 30, 2)
  partial('aaaa/block-2.bin.packing.gone-1.3.partial', 30)
  await sweepDataFolder({ clock, logger: silentLogger }, dataFolder, owner)
  expect(left()).toEqual([
    'aaaa/block-1.bin.gone-1.3.partial',
    'demo.abc.f32.gone-2.1.partial',
    'demo.abc.f32.other-2.1.partial',
  ])
})

test('a data directory without models is left alone', async () => {
  await sweepDataFolder({ clock, logger: silentLogger }, dataFolder, owner)
  expect(readdirSync(dataFolder)).toEqual([])
})
