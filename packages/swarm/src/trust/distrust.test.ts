import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { createDistrust } from './distrust.ts'
import { swarmLimits } from '../limits.ts'

test('who spoils rows is avoided for a while, longer each time, and never for ever', () => {
  const clock = createVirtualClock()
  const distrust = createDistrust(clock)
  expect([...distrust.peers()]).toEqual([])
  for (const forMs of [1, 2, 4].map((factor) => factor * swarmLimits.distrustMs)) {
    distrust.spoilt('a')
    clock.advance(forMs - 1)
    expect([...distrust.peers()]).toEqual(['a'])
    clock.advance(1)
    expect([...distrust.peers()]).toEqual([])
  }
  for (let times = 0; times < 30; times += 1) distrust.spoilt('a')
  clock.advance(swarmLimits.distrustMsMax)
  expect([...distrust.peers()]).toEqual([])
})

test('only so many are remembered', () => {
  const distrust = createDistrust(createVirtualClock())
  for (let index = 0; index <= swarmLimits.distrustedPeers; index += 1) distrust.spoilt(`p${index}`)
  expect(distrust.peers().size).toBe(swarmLimits.distrustedPeers)
  expect(distrust.peers().has('p0')).toBe(false)
})
