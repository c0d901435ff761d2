import { createVirtualClock } from '@shoal/host'
import { settled } from '@shoal/host/testing'
import { expect, test } from 'vitest'
import { blobLimits } from '../limits.ts'
import { RequestPace } from './request-pace.ts'

test('requests without end are answered at a pace, and those of another network at once', async () => {
  const clock = createVirtualClock()
  const pace = new RequestPace(clock)
  const answered: string[] = []
  const ask = async (asker: string): Promise<void> => {
    await pace.turn(asker)
    answered.push(asker)
  }
  const { atOnce, everyMs } = blobLimits.requests
  for (let request = 0; request < 10 * atOnce; request += 1) void ask('flood')
  await settled(5)
  expect(answered).toHaveLength(atOnce + 1)
  clock.advance(100 * everyMs)
  await settled(5)
  expect(answered).toHaveLength(atOnce + 101)
  void ask('honest')
  await settled(5)
  expect(answered.at(-1)).toBe('honest')
})
