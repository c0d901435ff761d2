import { expect, test } from 'vitest'
import { swarmLimits } from '../../limits.ts'
import { PrefixMemory } from './prefix-memory.ts'

const holders = [{ peer: 'a', start: 0, end: 8 }]
const owner = 'somebody'
const ids = (length: number, first = 0): number[] => Array.from({ length }, (_, index) => first + index)

test('the earlier session with most in common is found, and the latest of several', () => {
  const memory = new PrefixMemory()
  memory.remember('short', owner, ids(40), holders)
  memory.remember('long', owner, ids(60), holders)
  memory.remember('as long', owner, ids(60), holders)
  memory.remember('another', owner, ids(60, 1), holders)
  expect(memory.find([...ids(60), 7], owner)).toEqual({ session: 'as long', length: 60, holders })
  expect(memory.find([...ids(45), 7, 7], owner)).toEqual({ session: 'as long', length: 45, holders })
})

test('the last row of a prompt is computed even when all of it is known', () => {
  const memory = new PrefixMemory()
  memory.remember('first', owner, ids(60), holders)
  expect(memory.find(ids(60), owner)?.length).toBe(59)
  expect(memory.find(ids(50), owner)?.length).toBe(49)
})

test('what one owner has asked is never found for another', () => {
  const memory = new PrefixMemory()
  memory.remember('theirs', 'key 0', ids(60), holders)
  memory.remember('own', 'key 1', ids(40), holders)
  expect(memory.find(ids(60), 'key 1')).toEqual({ session: 'own', length: 40, holders })
  expect(memory.find(ids(60), 'key 0')?.session).toBe('theirs')
  expect([memory.find(ids(60), ''), memory.find(ids(60), 'key 2')]).toEqual([null, null])
})

test('too little in common is nothing', () => {
  const memory = new PrefixMemory()
  const { prefixPositionsMin } = swarmLimits
  memory.remember('first', owner, ids(60), holders)
  memory.remember('short', owner, ids(prefixPositionsMin - 1, 500), holders)
  expect(memory.find([...ids(prefixPositionsMin - 1), 7, 7], owner)).toBeNull()
  expect(memory.find([...ids(prefixPositionsMin - 1, 500), 7], owner)).toBeNull()
  expect(memory.find([...ids(prefixPositionsMin), 7], owner)?.length).toBe(prefixPositionsMin)
})

test('a session that goes on, or is gone, is known by its latest tokens only', () => {
  const memory = new PrefixMemory()
  memory.remember('chat', owner, ids(40), holders)
  memory.remember('chat', owner, ids(80), holders)
  expect(memory.find(ids(90), owner)?.length).toBe(80)
  memory.forget('chat')
  expect(memory.find(ids(90), owner)).toBeNull()
})

test('the session that was used longest ago is forgotten first', () => {
  const memory = new PrefixMemory()
  for (let index = 0; index < swarmLimits.prefixSessions; index += 1)
    memory.remember(`${index}`, owner, ids(40, 1000 * index), holders)
  memory.find(ids(41), owner)
  memory.remember('one more', owner, ids(40, 9_000_000), holders)
  expect(memory.find(ids(41), owner)?.session).toBe('0')
  expect(memory.find(ids(41, 1000), owner)).toBeNull()
})
