import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { apiLimits } from '../limits.ts'
import { CallerTime } from './caller-time.ts'

const share = { msPerSecond: 100, savedMsMost: 200, debtMsMost: 300 }

/** Lets promises that follow each other settle. */
async function settled(): Promise<void> {
  for (let step = 0; step < 10; step += 1) await Promise.resolve()
}

test('an address that has used up its time waits for more, and is refused when too much waits', async () => {
  const clock = createVirtualClock()
  const time = new CallerTime(clock, share)
  const done: string[] = []
  const take = (name: string, network: string | null, ms: number): void =>
    void time.take(network, ms).then(
      () => done.push(name),
      () => done.push(`refused: ${name}`),
    )
  take('saved', '203.0.113.1', 200)
  take('first', '203.0.113.1', 50)
  take('second', '203.0.113.1', 260)
  take('other', '198.51.100.1', 200)
  take('own', null, 10_000)
  await expect(time.take('203.0.113.1', 1)).rejects.toMatchObject({
    status: 429,
    headers: { 'retry-after': '4' },
  })
  expect(done).toEqual(['saved', 'other', 'own'])
  clock.advance(500)
  await settled()
  expect(done).toEqual(['saved', 'other', 'own', 'first'])
  clock.advance(2600)
  await settled()
  expect(done.at(-1)).toBe('second')
})

test('what has been spent is waited for by the next', async () => {
  const clock = createVirtualClock()
  const time = new CallerTime(clock, share)
  time.spent('203.0.113.1', 250)
  let had = false
  const taken = time.take('203.0.113.1', 10)
  void taken.then(
    () => (had = true),
    () => undefined,
  )
  clock.advance(599)
  expect(had).toBe(false)
  clock.advance(2)
  await settled()
  expect(had).toBe(true)
})

test('requests of one address that wait take less than half of all connections', async () => {
  const time = new CallerTime(createVirtualClock(), apiLimits.callerTime)
  time.spent('203.0.113.1', apiLimits.callerTime.savedMsMost)
  let refused = 0
  for (let request = 0; request < apiLimits.maxConnections; request += 1)
    time.take('203.0.113.1', apiLimits.requestMs).catch(() => (refused += 1))
  await settled()
  expect(apiLimits.maxConnections - refused).toBeLessThan(apiLimits.maxConnections / 2)
})
