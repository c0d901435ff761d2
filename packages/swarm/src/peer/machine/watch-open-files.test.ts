import { createVirtualClock, silentLogger } from '@shoal/host'
import { settled } from '@shoal/host/testing'
import { expect, test } from 'vitest'
import { watchOpenFiles } from './watch-open-files.ts'

test('a machine without free file handles is told once, and once more when it has some again', async () => {
  const clock = createVirtualClock()
  let free = true
  const told: string[] = []
  const endWatch = watchOpenFiles({ clock, logger: silentLogger, canOpenFiles: async () => free }, (lack) =>
    told.push(lack),
  )
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(1000)
      await settled(3)
    }
  }
  await pass(20)
  free = false
  await pass(20)
  free = true
  await pass(20)
  endWatch()
  free = false
  await pass(20)
  expect(told).toEqual(['too many files and connections are open: raise the limit (ulimit -n)', ''])
})
