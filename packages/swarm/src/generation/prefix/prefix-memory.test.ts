import { expect, test } from 'vitest'
import { swarmLimits } from '../../limits.ts'
import { PrefixMemory } from './prefix-memory.ts'

const holders = [{ peer: 'a', start: 0, end: 8 }]
const ids = (length: number, first = 0): number[] => Array.from({ length }, (_, index) => first + index)

test('the earlier session with most in common is found, and the latest of several', () => {
  const memory = new PrefixMemory()
  memory.remember('short', ids(40), holders)
  memory.remember('long', ids(60), holders)
  memory.remember('as long', ids(60), holders)
  memory.remember('another', ids(60, 1), holders)
  expect(memory.find([...ids(60), 7])).toEqual({ session: 'as long', length: 60, holders })
  expect(memory.find([...ids(45), 7, 7])).toEqual({ session: 'as long', length: 45, holders })
})

test('the last row of a prompt is computed even when all of it is known', () => {
  const memory = new PrefixMemory()
  memory.remember('first', ids(60), holders)
  expect(memory.find(ids(60))?.length).toBe(59)
  expect(memory.find(ids(50))?.length).toBe(49)
})

test('too little in common is nothing', () => {
  const memory = new PrefixMemory()
  const { prefixPositionsMin } = swarmLimits
  memory.remember('first', ids(60), holders)
  memory.remember('short', ids(prefixPositionsMin - 1, 500), holders)
  expect(memory.find([...ids(prefixPositionsMin - 1), 7, 7])).toBeNull()
  expect(memory.find([...ids(prefixPositionsMin - 1, 500), 7])).toBeNull()
  expect(memory.find([...ids(prefixPositionsMin), 7])?.length).toBe(prefixPositionsMin)
})

test('a session that goes on, or is gone, is known by its latest tokens only', () => {
  const memory = new PrefixMemory()
  memory.remember('chat', ids(40), holders)
  memory.remember('chat', ids(80), holders)
  expect(memory.find(ids(90))?.length).toBe(80)
  memory.forget('chat')
  expect(memory.find(ids(90))).toBeNull()
})

test('the session that was used longest ago is forgotten first', () => {
  const memory = new PrefixMemory()
  for (let index = 0; index < swarmLimits.prefixSessions; index += 1)
    memory.remember(`${index}`, ids(40, 1000 * index), holders)
  memory.find(ids(41))
  memory.remember('one more', ids(40, 9_000_000), holders)
  expect(memory.find(ids(41))?.session).toBe('0')
  expect(memory.find(ids(41, 1000))).toBeNull()
})
