import type { Stream } from '@libp2p/interface'
import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { limits } from '../../limits.ts'
import { paceStream } from './paced-stream.ts'
import { RelayPace } from './relay-pace.ts'

/** What the pace uses of a stream. */
class FakeStream extends EventTarget {
  status = 'open'
  writeBufferLength = 0
  paused = false
  pause(): void {
    this.paused = true
  }
  resume(): void {
    this.paused = false
  }
  arrive(bytes: number): void {
    this.dispatchEvent(new MessageEvent('message', { data: new Uint8Array(bytes) }))
  }
}

const rate = { bytesPerSecond: 1000, burstBytes: 500 }

function world() {
  const clock = createVirtualClock()
  const [source, target] = [new FakeStream(), new FakeStream()]
  const pace = (): RelayPace => new RelayPace(rate, clock)
  const paced = (...paces: RelayPace[]): void =>
    paceStream(source as unknown as Stream, target as unknown as Stream, paces, clock)
  /** A pause takes effect behind the event that causes it. */
  const paused = async (): Promise<boolean> => {
    await Promise.resolve()
    return source.paused
  }
  return { clock, source, target, pace, paced, paused }
}

test('a side that sends faster than the pace is not read until its bytes are paid for', async () => {
  const { clock, source, pace, paced, paused } = world()
  paced(pace())
  source.arrive(500)
  expect(await paused()).toBe(false)
  source.arrive(100)
  expect(await paused()).toBe(true)
  clock.advance(99)
  expect(await paused()).toBe(true)
  clock.advance(1)
  expect(await paused()).toBe(false)
})

test('the slowest of several paces decides: that of all, or that of one peer', async () => {
  const { clock, source, pace, paced, paused } = world()
  const ofAll = pace()
  ofAll.charge(900)
  paced(ofAll, pace())
  source.arrive(100)
  expect(await paused()).toBe(true)
  clock.advance(499)
  expect(await paused()).toBe(true)
  clock.advance(1)
  expect(await paused()).toBe(false)
})

test.each(['drain', 'idle'])(
  'a side is not read while the other does not take its bytes, until %s',
  async (event) => {
    const { clock, source, target, pace, paced, paused } = world()
    paced(pace())
    target.writeBufferLength = limits.relayQueuedBytes + 1
    source.arrive(1)
    expect(await paused()).toBe(true)
    clock.advance(60_000)
    target.dispatchEvent(new Event(event))
    expect(await paused()).toBe(true)
    target.writeBufferLength = limits.relayQueuedBytes
    target.dispatchEvent(new Event(event))
    expect(await paused()).toBe(false)
  },
)

test('a side that has room again still waits for its pace', async () => {
  const { clock, source, target, pace, paced, paused } = world()
  paced(pace())
  target.writeBufferLength = limits.relayQueuedBytes + 1
  source.arrive(600)
  target.writeBufferLength = 0
  target.dispatchEvent(new Event('drain'))
  expect(await paused()).toBe(true)
  clock.advance(100)
  expect(await paused()).toBe(false)
})

test('an ended stream is neither paused nor read again', async () => {
  const { clock, source, pace, paced, paused } = world()
  paced(pace())
  source.arrive(600)
  source.status = 'closed'
  source.dispatchEvent(new Event('close'))
  expect(await paused()).toBe(false)
  clock.advance(1000)
  expect(await paused()).toBe(false)
})
