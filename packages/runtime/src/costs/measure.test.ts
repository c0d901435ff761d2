import { createVirtualClock, type Clock, createMemoryBudget } from '@shoal/host'
import { expect, test } from 'vitest'
import { decorateRunner } from '../devices/decorate.ts'
import { measureRunner } from './measure.ts'
import { devices, plentyBytes } from '../testing/devices.ts'
import { randomModel, smallLlama } from '../testing/random-model.ts'

test('decoding is timed over all blocks and prompts over one, with pauses between rows, and no session is left open', async () => {
  const packed = randomModel(smallLlama, 'f32')
  const device = await devices['reference']!(packed)
  const runner = await device.loadBlocks({ start: 0, end: 2 }, { memory: createMemoryBudget(plentyBytes) })
  const virtual = createVirtualClock()
  let rests = 0
  /** Nobody else is there to advance it. */
  const clock: Clock = {
    ...virtual,
    after(delayMs, callback) {
      const timer = virtual.after(delayMs, callback)
      rests += 1
      virtual.advance(delayMs)
      return timer
    },
  }
  let blocks = 0
  /** The real runner on a clock on which a call costs 1 ms, and in each block a row 1 ms and a row of the past 0.25 ms. */
  const timed = decorateRunner(runner, {
    open(session, tokenBudget, part = runner.range) {
      blocks = part.end - part.start
      return runner.open(session, tokenBudget, part)
    },
    forward(session, position, hidden) {
      virtual.advance(1 + blocks * (hidden.length / runner.hiddenSize) * (1 + 0.25 * position))
      return runner.forward(session, position, hidden)
    },
    truncate(session, length) {
      virtual.advance(1)
      return runner.truncate(session, length)
    },
  })
  const measured = await measureRunner(timed, clock, {
    decodeAt: [40, 4],
    prefillRows: [1, 16],
    repetitions: 3,
    restMs: 2,
  })
  expect(measured).toEqual({
    decode: [
      { past: 4, msPerBlock: 2 },
      { past: 40, msPerBlock: 11 },
    ],
    prefill: [
      { rows: 1, msPerBlockAndRow: 1 },
      { rows: 16, msPerBlockAndRow: 1 },
    ],
  })
  // Before each decoded row, and the first of each length, which does not count.
  expect(rests).toBe(8)
  expect(runner.memory().sessions).toBe(0)
  await device.close()
  packed.remove()
})
