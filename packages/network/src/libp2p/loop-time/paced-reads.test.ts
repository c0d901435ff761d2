import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { limits } from '../../limits.ts'
import { LoopTime } from './loop-time.ts'
import { PacedReads } from './paced-reads.ts'

/** A clock that runs while bytes are handled, and a turn of the event loop that ends when the test says so. */
function world() {
  const clock = createVirtualClock()
  let aheadMs = 0
  const running = { ...clock, nowMs: () => clock.nowMs() + aheadMs, after: clock.after.bind(clock) }
  let settle = (): void => undefined
  const time = new LoopTime(running, (end) => (settle = end))
  const reads = new PacedReads(time, running)
  const delivered: string[] = []
  const socket = (name: string, costMs: number) => ({
    paused: false,
    isCut: false,
    cut() {
      this.isCut = true
    },
    pause() {
      this.paused = true
    },
    resume() {
      this.paused = false
    },
    deliver() {
      delivered.push(name)
      aheadMs += costMs
    },
  })
  return {
    reads,
    delivered,
    socket,
    endOfTurn: () => settle(),
    pass: (ms: number): void => {
      clock.advance(ms)
      settle()
    },
  }
}

const bytes = new Uint8Array(1)

test('a network that has used its time is not read until it has some again', () => {
  const { reads, delivered, socket, endOfTurn, pass } = world()
  const greedy = socket('greedy', limits.loopOfNetwork.savedMsMost + 8)
  reads.arrived('net', greedy, bytes)
  endOfTurn()
  reads.arrived('net', greedy, bytes)
  expect([delivered, greedy.paused]).toEqual([['greedy'], true])
  // Eight milliseconds overdrawn are a tenth of a second at 80 ms a second.
  pass(99)
  expect(delivered).toEqual(['greedy'])
  pass(20)
  expect([delivered, greedy.paused]).toEqual([['greedy', 'greedy'], false])
})

test('another network and members are read meanwhile, at once', () => {
  const { reads, delivered, socket, endOfTurn } = world()
  reads.arrived('net', socket('greedy', limits.loopOfNetwork.savedMsMost + 1), bytes)
  endOfTurn()
  reads.arrived('net', socket('greedy', 1), bytes)
  reads.arrived('other', socket('other', 1), bytes)
  reads.arrived(null, socket('member', 1), bytes)
  expect(delivered).toEqual(['greedy', 'other', 'member'])
})

test('what a member’s bytes take is charged to no stranger', () => {
  const { reads, delivered, socket, endOfTurn } = world()
  reads.arrived('net', socket('stranger', 1), bytes)
  reads.arrived(null, socket('member', 10_000), bytes)
  endOfTurn()
  reads.arrived('net', socket('stranger', 1), bytes)
  expect(delivered).toEqual(['stranger', 'member', 'stranger'])
})

test('when all strangers together have used their time, their networks take turns', () => {
  const { reads, delivered, socket, endOfTurn, pass } = world()
  const networks = ['a', 'b', 'c', 'd']
  for (const network of networks) {
    reads.arrived(network, socket(network, 220), bytes)
    endOfTurn()
  }
  for (let times = 0; times < 2; times += 1)
    for (const network of networks) reads.arrived(network, socket(network, 1), bytes)
  // 880 ms of the event loop, of which 600 had been saved up and 176 came meanwhile.
  expect(delivered).toEqual(networks)
  for (let times = 0; times < 150; times += 1) pass(10)
  expect(delivered).toEqual([...networks, ...networks, ...networks])
})

test('what an ended socket has brought is dropped', () => {
  const { reads, delivered, socket, endOfTurn, pass } = world()
  const ended = socket('ended', limits.loopOfNetwork.savedMsMost + 1)
  reads.arrived('net', ended, bytes)
  endOfTurn()
  reads.arrived('net', ended, bytes)
  reads.ended('net', ended)
  pass(60_000)
  expect(delivered).toEqual(['ended'])
})

test('when too many bytes wait, the network that holds most loses the connection that holds most', () => {
  const { reads, delivered, socket, endOfTurn } = world()
  reads.arrived('greedy', socket('greedy', 2 * limits.loopOfStrangers.savedMsMost), bytes)
  endOfTurn()
  const half = new Uint8Array(limits.heldReadBytes / 2)
  const [small, large, other] = [socket('small', 1), socket('large', 1), socket('other', 1)]
  reads.arrived('greedy', small, half.subarray(2))
  reads.arrived('other', other, bytes)
  reads.arrived('greedy', large, half)
  expect([small.isCut, large.isCut, other.isCut]).toEqual([false, false, false])
  reads.arrived('other', socket('another', 1), new Uint8Array(2))
  expect([small.isCut, large.isCut, other.isCut]).toEqual([false, true, false])
  expect(delivered).toEqual(['greedy'])
})
