import { createVirtualClock } from '@shoal/host'
import type { BlockRunner, Device } from '@shoal/runtime'
import { expect, test } from 'vitest'
import { slowed } from './slow-device.ts'

/** A device whose calls take 2 ms each, one after the other; only what is asked of it here is there. */
function twoMsDevice(clock: ReturnType<typeof createVirtualClock>): Device {
  let freeMs = 0
  const forward: BlockRunner['forward'] = (_session, _position, hidden) =>
    new Promise((resolve) => {
      freeMs = Math.max(freeMs, clock.nowMs()) + 2
      clock.after(freeMs - clock.nowMs(), () => resolve(hidden))
    })
  return { kind: 'cpu', threads: 1, numericClass: 'one', loadBlocks: async () => ({ forward }) as BlockRunner } as unknown as Device
}

test('calls take so many times longer, and wait for each other', async () => {
  const clock = createVirtualClock()
  const runner = await slowed(twoMsDevice(clock), clock, 4).loadBlocks({ start: 0, end: 1 }, { memoryLimitBytes: 1 })
  const ends: number[] = []
  const call = (): void => void runner.forward('s', 0, new Float32Array(1)).then(() => ends.push(clock.nowMs()))
  call()
  call()
  for (let turn = 0; turn < 40; turn += 1) {
    clock.advance(1)
    // Whoever waits for a timer goes on in later turns of the queue.
    for (let i = 0; i < 10; i += 1) await Promise.resolve()
  }
  expect(ends).toEqual([8, 16])
})
