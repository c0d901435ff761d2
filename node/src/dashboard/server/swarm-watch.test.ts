import { createVirtualClock, silentLogger, type VirtualClock } from '@shoal/host'
import { beforeEach, expect, test } from 'vitest'
import { dashboardLimits } from './limits.ts'
import { createSwarmWatch, type SwarmWatch } from './swarm-watch.ts'

let clock: VirtualClock
let watch: SwarmWatch
let state: { status: unknown; answers: unknown }
let looks: number

beforeEach(() => {
  clock = createVirtualClock()
  state = { status: { peers: 3 }, answers: [] }
  looks = 0
  watch = createSwarmWatch({ clock, logger: silentLogger }, () => {
    looks += 1
    return state
  })
})

const reading = (stream: ReadableStream<Uint8Array>): (() => Promise<string>) => {
  const reader = stream.getReader()
  return async () => new TextDecoder().decode((await reader.read()).value)
}

test('a change comes with the next look, and only the part that has changed', async () => {
  const read = reading(watch.open())
  expect(await read()).toBe('event: status\ndata: {"peers":3}\n\nevent: answers\ndata: []\n\n')
  state = { ...state, status: { peers: 2 } }
  clock.advance(dashboardLimits.lookMs)
  expect(await read()).toBe('event: status\ndata: {"peers":2}\n\n')
})

test('a page that does not read gets the newest state when it reads again, and none in between', async () => {
  const read = reading(watch.open())
  for (let tokens = 1; tokens <= 50; tokens += 1) {
    state = { ...state, answers: [{ tokens }] }
    clock.advance(dashboardLimits.lookMs)
  }
  expect(await read()).toContain('event: answers\ndata: []')
  clock.advance(dashboardLimits.lookMs)
  expect(await read()).toBe('event: answers\ndata: [{"tokens":50}]\n\n')
})

test('a comment keeps a silent stream open', async () => {
  const read = reading(watch.open())
  await read()
  clock.advance(dashboardLimits.keepAliveMs + dashboardLimits.lookMs)
  expect(await read()).toBe(': nothing new\n\n')
})

test('nobody looks when the last page has gone', async () => {
  const streams = [watch.open(), watch.open()]
  for (const stream of streams) await stream.cancel()
  clock.advance(dashboardLimits.lookMs)
  const before = looks
  clock.advance(10 * dashboardLimits.lookMs)
  expect(looks).toBe(before)
})

test('more pages than the limit are refused, and one that goes makes room', async () => {
  const streams = Array.from({ length: dashboardLimits.watchersMax }, () => watch.open())
  expect(() => watch.open()).toThrow(expect.objectContaining({ status: 429 }))
  await streams[0]!.cancel()
  expect(() => watch.open()).not.toThrow()
})
