import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { trustLimits } from './limits.ts'
import { createReputation } from './reputation.ts'

test('a stage that sends wrong rows is avoided for a while, longer each time, and never for ever', () => {
  const clock = createVirtualClock()
  const reputation = createReputation(clock)
  expect([...reputation.avoidedStages()]).toEqual([])
  for (const forMs of [1, 2, 4].map((factor) => factor * trustLimits.stageAvoidanceMs)) {
    reputation.saw('a', 'wrong-rows')
    clock.advance(forMs - 1)
    expect([...reputation.avoidedStages()]).toEqual(['a'])
    clock.advance(1)
    expect([...reputation.avoidedStages()]).toEqual([])
  }
  for (let times = 0; times < 30; times += 1) reputation.saw('a', 'wrong-rows')
  clock.advance(trustLimits.stageAvoidanceMsMax)
  expect([...reputation.avoidedStages()]).toEqual([])
})

test('a source of wrong weights is not asked from the second time on, longer each time', () => {
  const clock = createVirtualClock()
  const reputation = createReputation(clock)
  reputation.saw('a', 'wrong-weights')
  expect(reputation.mayBeSource('a')).toBe(true)
  for (const forMs of [1, 2, 4].map((factor) => factor * trustLimits.sourceBarMs)) {
    reputation.saw('a', 'wrong-weights')
    expect(reputation.transfers()).toEqual([expect.objectContaining({ peer: 'a', barredForMs: forMs })])
    clock.advance(forMs - 1)
    expect(reputation.rankSources(['a', 'b'])).toEqual(['b'])
    clock.advance(1)
    expect(reputation.rankSources(['a', 'b'])).toEqual(['b', 'a'])
  }
  for (let times = 0; times < 30; times += 1) reputation.saw('a', 'wrong-weights')
  clock.advance(trustLimits.sourceBarMsMax)
  expect(reputation.mayBeSource('a')).toBe(true)
})

test('sources that failed come after those that did not, and those that sent wrong weights last', () => {
  const reputation = createReputation(createVirtualClock())
  reputation.saw('liar', 'wrong-weights')
  for (let times = 0; times < 2000; times += 1) reputation.saw('weak', 'failed-transfer')
  reputation.saw('tired', 'failed-transfer')
  expect(reputation.rankSources(['liar', 'weak', 'tired', 'new', 'other'])).toEqual([
    'new',
    'other',
    'tired',
    'weak',
    'liar',
  ])
})

test('a fault in one role does not count in the others', () => {
  const reputation = createReputation(createVirtualClock())
  for (let times = 0; times < 5; times += 1) reputation.saw('source', 'wrong-weights')
  reputation.saw('stage', 'wrong-rows')
  reputation.neighbours.blame('neighbour')
  expect([...reputation.avoidedStages()]).toEqual(['stage'])
  expect(reputation.rankSources(['source', 'stage', 'neighbour'])).toEqual(['stage', 'neighbour'])
  expect(reputation.neighbours.isShutOut('source')).toBe(false)
})

test('only so many peers are remembered, those longest unheard of are forgotten first', () => {
  const reputation = createReputation(createVirtualClock())
  for (let index = 0; index < trustLimits.peers; index += 1) reputation.saw(`p${index}`, 'wrong-rows')
  reputation.received('p0', 1)
  reputation.saw('one more', 'wrong-rows')
  const avoided = reputation.avoidedStages()
  expect(avoided.size).toBe(trustLimits.peers)
  expect([avoided.has('p0'), avoided.has('p1'), avoided.has('one more')]).toEqual([true, false, true])
})
