import * as fc from 'fast-check'
import { createVirtualClock, type VirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { createDelayLine, type DelayLine, type DelayLineOptions } from './delay-line.ts'
import { createWire } from './wire.ts'

interface Bench {
  readonly clock: VirtualClock
  readonly line: DelayLine
  /** Chunks and ends that arrived, with their times. */
  readonly arrived: { atMs: number; what: number | 'end' | 'reset' }[]
  paused: boolean
  /** Whether the sink accepts more. */
  ready: boolean
  drain(): void
}

function bench(options: Partial<DelayLineOptions> = {}): Bench {
  const clock = createVirtualClock()
  const arrived: Bench['arrived'] = []
  let drained = (): void => undefined
  const note = (what: number | 'end' | 'reset'): void =>
    void arrived.push({ atMs: Math.round(clock.nowMs() * 1000) / 1000, what })
  const state: Bench = {
    clock,
    arrived,
    paused: false,
    ready: true,
    drain() {
      state.ready = true
      drained()
    },
    line: createDelayLine(
      clock,
      { pause: () => (state.paused = true), resume: () => (state.paused = false) },
      {
        write(chunk) {
          note(chunk[0] ?? 0)
          return state.ready
        },
        onDrain: (listener) => (drained = listener),
        end: () => note('end'),
        reset: () => note('reset'),
      },
      { delayMs: 10, wires: [], lossMs: () => 0, bytesMax: 1_000_000, notBeforeMs: 0, ...options },
    ),
  }
  return state
}

const chunk = (name: number, bytes = 100): Uint8Array => new Uint8Array(bytes).fill(name)

test('bytes arrive delayed, and the end arrives after them', () => {
  const { clock, line, arrived } = bench()
  line.push(chunk(1))
  clock.advance(4)
  line.push(chunk(2))
  line.end('end')
  line.push(chunk(3))
  clock.advance(5.9)
  expect(arrived).toEqual([])
  clock.advance(100)
  expect(arrived).toEqual([
    { atMs: 10, what: 1 },
    { atMs: 14, what: 2 },
    { atMs: 14, what: 'end' },
  ])
})

test('the slowest wire sets the pace, and a wire is shared', () => {
  const slow = createWire(8) // 1,000 bytes in a millisecond
  const { clock, line, arrived } = bench({ wires: [createWire(80), slow] })
  line.push(chunk(1, 2000))
  slow.take(3000, clock.nowMs())
  line.push(chunk(2, 1000))
  clock.advance(100)
  expect(arrived).toEqual([
    { atMs: 12, what: 1 },
    { atMs: 16, what: 2 },
  ])
})

test('what follows a lost packet waits for it', () => {
  const losses = [0, 40, 0]
  const { clock, line, arrived } = bench({ lossMs: () => losses.shift() ?? 0 })
  for (const name of [1, 2, 3]) line.push(chunk(name))
  clock.advance(100)
  expect(arrived).toEqual([
    { atMs: 10, what: 1 },
    { atMs: 50, what: 2 },
    { atMs: 50, what: 3 },
  ])
})

test('nothing comes before the handshake; a cut-off connection is heard of late, too', () => {
  const { clock, line, arrived } = bench({ notBeforeMs: 30 })
  line.push(chunk(1))
  line.end('reset')
  clock.advance(100)
  expect(arrived).toEqual([
    { atMs: 30, what: 1 },
    { atMs: 30, what: 'reset' },
  ])
})

test('the source waits while a window is under way, and while the sink takes nothing', () => {
  const state = bench({ bytesMax: 1000 })
  const { clock, line, arrived } = state
  line.push(chunk(1, 600))
  expect(state.paused).toBe(false)
  line.push(chunk(2, 600))
  expect(state.paused).toBe(true)
  state.ready = false
  clock.advance(10)
  expect(arrived.map(({ what }) => what)).toEqual([1])
  // 600 of 1,000 are still under way, and stay there.
  expect(state.paused).toBe(true)
  clock.advance(1000)
  expect(arrived).toHaveLength(1)
  state.drain()
  expect(arrived.map(({ what }) => what)).toEqual([1, 2])
  expect(state.paused).toBe(false)
})

test('a line that was cut delivers nothing', () => {
  const { clock, line, arrived } = bench()
  line.push(chunk(1))
  line.cut()
  line.push(chunk(2))
  clock.advance(100)
  expect(arrived).toEqual([])
})

test('whatever is pushed when: all of it arrives, in order, never early', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.integer({ min: 1, max: 5000 }),
          fc.double({ min: 0, max: 20, noNaN: true }),
          fc.double({ min: 0, max: 30, noNaN: true }),
        ),
        { maxLength: 30 },
      ),
      (pushes) => {
        const losses = pushes.map(([, , lossMs]) => lossMs)
        const { clock, line, arrived } = bench({
          wires: [createWire(8)],
          lossMs: () => losses.shift() ?? 0,
          bytesMax: Number.MAX_SAFE_INTEGER,
        })
        const leftMs = pushes.map(([bytes, waitMs], index) => {
          clock.advance(waitMs)
          line.push(chunk(index, bytes))
          return clock.nowMs()
        })
        clock.advance(10_000)
        expect(arrived.map(({ what }) => what)).toEqual(pushes.map((_, index) => index))
        for (const [index, { atMs }] of arrived.entries())
          expect(atMs).toBeGreaterThanOrEqual(leftMs[index]! + 10 + pushes[index]![0] / 1000 - 0.001)
      },
    ),
  )
})
