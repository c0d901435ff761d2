import { createVirtualClock } from '@shoal/host'
import { settled } from '@shoal/host/testing'
import { expect, test } from 'vitest'
import { blobLimits } from '../limits.ts'
import { RequestPace } from './request-pace.ts'

const { atOnce, everyMs } = blobLimits.requests

function asking() {
  const clock = createVirtualClock()
  const pace = new RequestPace(clock, blobLimits.requests)
  const answered: string[] = []
  const ask = (network: string, peer: string, isGone = () => false): void => {
    pace.turn(network, peer, isGone).then(
      () => answered.push(peer),
      (error: unknown) => answered.push(String(error)),
    )
  }
  return { clock, answered, ask }
}

test('requests without end are answered at a pace, and those of another network at once', async () => {
  const { clock, answered, ask } = asking()
  for (let request = 0; request < 10 * atOnce; request += 1) ask('one', 'flood')
  await settled(5)
  expect(answered).toHaveLength(atOnce + 1)
  clock.advance(100 * everyMs)
  await settled(5)
  expect(answered).toHaveLength(atOnce + 101)
  ask('another', 'honest')
  await settled(5)
  expect(answered.at(-1)).toBe('honest')
})

test('a peer waits for one request of each other peer of its network, however many these have', async () => {
  const { clock, answered, ask } = asking()
  for (let request = 0; request < 10 * atOnce; request += 1) ask('one', 'flood')
  ask('one', 'honest')
  await settled(5)
  clock.advance(2 * everyMs)
  await settled(5)
  expect(answered.slice(atOnce + 1)).toEqual(['flood', 'honest'])
})

test('requests whose asker has hung up take no turn', async () => {
  const { clock, answered, ask } = asking()
  for (let request = 0; request <= atOnce; request += 1) ask('one', 'flood')
  let over = false
  for (let request = 0; request < 1000; request += 1) ask('one', 'quitter', () => over)
  for (let request = 0; request < 2; request += 1) ask('one', 'honest')
  over = true
  await settled(5)
  clock.advance(2 * everyMs)
  await settled(2000)
  expect(answered.filter((peer) => peer === 'honest')).toHaveLength(2)
})
