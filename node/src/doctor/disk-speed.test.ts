import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@shoal/host/node'
import { expect, test } from 'vitest'
import { measureDisk } from './disk-speed.ts'

test('a measurement writes the file, reads it back, and stops when aborted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-disk-'))
  try {
    const path = join(folder, 'speed')
    const speed = await measureDisk(systemClock, path, new AbortController().signal, 2 ** 21)
    expect(statSync(path).size).toBe(2 ** 21)
    expect([speed.writeBytesPerSecond, speed.readBytesPerSecond].every((rate) => rate > 0)).toBe(true)
    await expect(measureDisk(systemClock, path, AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
