import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createVirtualClock, seededRandom, ShoalError, silentLogger } from '@shoal/host'
import { afterAll, expect, test } from 'vitest'
import type { CommandContext } from './context.ts'
import { createOutput } from './output.ts'
import { serveInFolder } from './serve-in-folder.ts'

const dataFolder = mkdtempSync(join(tmpdir(), 'shoal-serve-'))
afterAll(() => rmSync(dataFolder, { recursive: true, force: true }))

function serving(failure: Error, stop: boolean): Promise<void> {
  const interrupt = new AbortController()
  const context: CommandContext = {
    clock: createVirtualClock(),
    random: seededRandom(1),
    logger: silentLogger,
    output: createOutput(false, { write: () => true }),
    dataFolder,
    signal: interrupt.signal,
    stop: () => undefined,
  }
  return serveInFolder(context, {}, async () => {
    if (stop) interrupt.abort(new ShoalError('cancelled', 'interrupted'))
    throw failure
  })
}

test('a command that is told to stop before it serves has not failed; another failure stays one', async () => {
  const cancelled = new ShoalError('cancelled', 'interrupted')
  await expect(serving(cancelled, true)).resolves.toBeUndefined()
  await expect(serving(cancelled, false)).rejects.toBe(cancelled)
  const full = new ShoalError('disk-full', 'no room')
  await expect(serving(full, true)).rejects.toBe(full)
})
