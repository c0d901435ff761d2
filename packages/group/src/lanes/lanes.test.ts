import { seededRandom, silentLogger } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { createMemoryNetwork } from '@shoal/network'
import { expect, test } from 'vitest'
import { createLanes } from './lanes.ts'
import { createRankThread } from './rank-thread-control.ts'

test('a second offer from the same rank is refused, because each would cost a socket', async () => {
  const transport = createMemoryNetwork({ clock: systemClock, random: seededRandom(1) }).createTransport(
    'alice',
  )
  const thread = createRankThread(systemClock)
  const lanes = createLanes({
    transport,
    clock: systemClock,
    logger: silentLogger,
    thread,
    possible: true,
    peers: [{ peer: 'alice' }, { peer: 'bob' }],
    signal: new AbortController().signal,
  })
  lanes.accept(1, null)
  expect(() => lanes.accept(1, null)).toThrow('has offered a lane already')
  expect(await lanes.all([1])).toBe(false)
  thread.close()
  await transport.close()
})
