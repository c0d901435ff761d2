import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import type { BlockRunner } from './block-runner.ts'
import { measureRunner } from './measure.ts'
import { devices, plentyBytes } from './testing/devices.ts'
import { randomModel, smallLlama } from './testing/random-model.ts'

test('times decode and prefill per block, and leaves no session behind', async () => {
  const packed = randomModel(smallLlama, 'f32')
  const device = await devices['reference']!(packed)
  const runner = await device.loadBlocks({ start: 0, end: 2 }, { memoryLimitBytes: plentyBytes })
  const clock = createVirtualClock()
  /** The real runner on a clock on which a call costs 1 ms, a row 2 ms and a row of the past 0.5 ms. */
  const timed: BlockRunner = {
    ...runner,
    forward(session, position, hidden) {
      clock.advance(1 + (hidden.length / runner.hiddenSize) * (2 + 0.5 * position))
      return runner.forward(session, position, hidden)
    },
  }
  const measured = await measureRunner(timed, clock, { decodeAt: [32, 4], prefillRows: [1, 16], repetitions: 3 })
  expect(measured).toEqual({
    decode: [{ past: 4, msPerBlock: 2.5 }, { past: 32, msPerBlock: 9.5 }],
    prefill: [{ rows: 1, msPerBlockAndRow: 1.5 }, { rows: 16, msPerBlockAndRow: 33 / 32 }],
  })
  expect(runner.memory().sessions).toBe(0)
  await device.close()
  packed.remove()
})
