import { createVirtualClock, type VirtualClock, createMemoryBudget } from '@shoal/host'
import type { BlockRunner, Device } from '@shoal/runtime'
import { expect, it } from 'vitest'
import { createBusyMeter } from './busy-meter.ts'

/** A device of which only `forward` is called: each call ends when the test says so. */
function device(): { device: Device; finish: ((fail?: Error) => void)[] } {
  const finish: ((fail?: Error) => void)[] = []
  const runner = {
    forward: () =>
      new Promise<Float32Array>((resolve, reject) =>
        finish.push((fail) => (fail === undefined ? resolve(new Float32Array()) : reject(fail))),
      ),
  } as Partial<BlockRunner> as BlockRunner
  return {
    device: {
      kind: 'cpu',
      threads: 1,
      numericClass: 'c',
      loadBlocks: async () => runner,
    } as Partial<Device> as Device,
    finish,
  }
}

async function setUp(): Promise<{
  clock: VirtualClock
  meter: ReturnType<typeof createBusyMeter>
  runner: BlockRunner
  finish: ((fail?: Error) => void)[]
}> {
  const clock = createVirtualClock()
  const meter = createBusyMeter(clock)
  const { device: inner, finish } = device()
  const runner = await meter
    .watch(inner)
    .loadBlocks({ start: 0, end: 1 }, { memory: createMemoryBudget(2 ** 30) })
  return { clock, meter, runner, finish }
}

it('counts overlapping calls once, and a call that is still under way', async () => {
  const { clock, meter, runner, finish } = await setUp()
  const first = runner.forward('a', 0, new Float32Array())
  clock.advance(100)
  const second = runner.forward('b', 0, new Float32Array())
  clock.advance(100)
  finish[0]!()
  await first
  clock.advance(100)
  finish[1]!()
  await second
  clock.advance(300)
  expect(meter.takePermille()).toBe(500)
  void runner.forward('a', 1, new Float32Array())
  clock.advance(250)
  expect(meter.takePermille()).toBe(1000)
  clock.advance(250)
  expect(meter.takePermille()).toBe(1000)
})

it('a failed call ends too, and no time is no load', async () => {
  const { clock, meter, runner, finish } = await setUp()
  const call = runner.forward('a', 0, new Float32Array())
  clock.advance(10)
  finish[0]!(new Error('out of memory'))
  await expect(call).rejects.toThrow('out of memory')
  clock.advance(90)
  expect(meter.takePermille()).toBe(100)
  expect(meter.takePermille()).toBe(0)
})
