import { sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { afterEach, expect, test } from 'vitest'
import { settled } from '@shoal/host/testing'
import { createGroupBench, type GroupBench } from '../testing/group-bench.ts'

let bench: GroupBench
afterEach(() => bench.close())

/** Lets timers run until the promise settles. */
async function inTime<T>(promise: Promise<T>): Promise<T> {
  let over = false
  const end = (): void => void (over = true)
  promise.then(end, end)
  while (!over) {
    // Files are read in turns of the real event loop.
    await settled(3000)
    await sleep(systemClock, 0)
    bench.clock.advance(1)
  }
  return promise
}

test('a member that dies while the group is formed again is replaced by the next spare', async () => {
  bench = await createGroupBench('llama', 'f32', 'reference')
  const [one, two] = [await bench.addRank('one'), await bench.addRank('two')]
  const first = await bench.addRank('spare-1', {
    accepts() {
      queueMicrotask(() => bench.network.kill(two.peer))
      return true
    },
  })
  const second = await bench.addRank('spare-2')
  const { runner } = await bench.lead('leader', { start: 0, end: 3 }, [2, 1, 1], [one, two], [first, second])
  bench.network.kill(one.peer)
  await inTime(runner.open('a', 4))
  expect(runner.members().map(({ peer }) => peer)).toEqual(['spare-1', 'spare-2'])
  await runner.release()
})
