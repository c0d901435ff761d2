import { createVirtualClock, createMemoryBudget } from '@shoal/host'
import type { BlockRunner, Device } from '@shoal/runtime'
import { beforeEach, expect, test } from 'vitest'
import { createStepSpeed, type StepSpeed } from './step-speed.ts'

const hiddenSize = 4
let clock: ReturnType<typeof createVirtualClock>
let speed: StepSpeed
let runner: BlockRunner
let held: (() => void)[]

/** A runner of three blocks whose calls end when the test says so. */
beforeEach(async () => {
  clock = createVirtualClock()
  held = []
  const inner = {
    hiddenSize,
    open: async () => undefined,
    close: async () => undefined,
    forward: (_session: string, _position: number, hidden: Float32Array) =>
      new Promise<Float32Array>((resolve) => held.push(() => resolve(hidden))),
  } as unknown as BlockRunner
  speed = createStepSpeed(clock, () => 512)
  runner = await speed
    .watch({
      kind: 'cpu',
      threads: 1,
      numericClass: 'one',
      loadBlocks: async () => inner,
    } as unknown as Device)
    .loadBlocks({ start: 0, end: 3 }, { memory: createMemoryBudget(2 ** 30) })
  await runner.open('s', 100)
})

async function step(ms: number, { past = 0, rows = 1, session = 's' } = {}): Promise<void> {
  const answered = runner.forward(session, past, new Float32Array(rows * hiddenSize))
  clock.advance(ms)
  held.shift()!()
  await answered
}

test('the speed is the median time of single rows per block, without the costs of cache and call', async () => {
  for (let turn = 0; turn < 15; turn += 1) await step(6)
  expect(speed.decodeMicrosPerBlock()).toBeNull()
  await step(600)
  expect(speed.decodeMicrosPerBlock()).toBe(1900)
  // 1,024 positions cost 512 µs in each block.
  for (let turn = 0; turn < 64; turn += 1) await step(6, { past: 1024 })
  expect(speed.decodeMicrosPerBlock()).toBe(1388)
  // At most half of a step's time is subtracted for the cache.
  for (let turn = 0; turn < 64; turn += 1) await step(0.6, { past: 1024 })
  expect(speed.decodeMicrosPerBlock()).toBe(100)
})

test('chunks of a prompt and concurrent steps do not count', async () => {
  await runner.open('part', 10, { start: 0, end: 1 })
  for (let turn = 0; turn < 20; turn += 1) {
    await step(50, { rows: 8 })
    const both = [
      runner.forward('s', 0, new Float32Array(hiddenSize)),
      runner.forward('part', 0, new Float32Array(hiddenSize)),
    ]
    clock.advance(90)
    for (const release of held.splice(0)) release()
    await Promise.all(both)
  }
  expect(speed.decodeMicrosPerBlock()).toBeNull()
  for (let turn = 0; turn < 16; turn += 1) await step(1, { session: 'part' })
  expect(speed.decodeMicrosPerBlock()).toBe(700)
})
