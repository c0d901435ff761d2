import { array, assert, constantFrom, nat, boolean, property, record } from 'fast-check'
import { expect, test } from 'vitest'
import { createMemoryBudget, type MemoryCharge, type MemoryUse } from './memory-budget.ts'

test('what is reserved is counted by use until it is freed', () => {
  const budget = createMemoryBudget(100)
  const weights = budget.reserve('weights', 60, 'blocks 0:2')
  const cache = budget.reserve('key-values', 30, 'session a')
  expect([budget.usedBytes(), budget.usedBytes('weights'), budget.freeBytes()]).toEqual([90, 60, 10])
  cache.free()
  cache.free()
  expect(budget.freeBytes()).toBe(40)
  weights.free()
  expect(budget.usedBytes()).toBe(0)
})

test('whoever lends memory that is free hears of every reservation, until he does not listen any more', () => {
  const budget = createMemoryBudget(100)
  const free: number[] = []
  const stop = budget.onTaken(() => free.push(budget.freeBytes()))
  const cache = budget.reserve('key-values', 30, 'session a')
  expect(() => budget.reserve('key-values', 80, 'session b')).toThrow('session b need 80 bytes')
  cache.free()
  budget.reserve('weights', 60, 'blocks 0:2')
  stop()
  budget.reserve('head', 10, 'the head')
  expect(free).toEqual([70, 40])
})

test('a reservation beyond the limit is refused with the figures and takes nothing', () => {
  const budget = createMemoryBudget(100)
  budget.reserve('weights', 60, 'blocks 0:2')
  expect(() => budget.reserve('weights', 41, 'blocks 2:4')).toThrow(
    'blocks 2:4 need 41 bytes, the limit is 100, and 60 are in use',
  )
  expect(budget.usedBytes()).toBe(60)
})

test('no order of reservations and releases exceeds the limit or loses a byte', () => {
  const use = constantFrom<MemoryUse>('weights', 'key-values', 'journals', 'head')
  const step = record({ use, bytes: nat(60), frees: boolean() })
  assert(
    property(array(step, { maxLength: 60 }), (steps) => {
      const budget = createMemoryBudget(100)
      const held: MemoryCharge[] = []
      for (const { use, bytes, frees } of steps) {
        if (frees) held.shift()?.free()
        try {
          held.push(budget.reserve(use, bytes, 'it'))
        } catch {
          expect(bytes).toBeGreaterThan(budget.freeBytes())
        }
        const sum = held.reduce((total, charge) => total + charge.bytes, 0)
        expect(budget.usedBytes()).toBe(sum)
        expect(sum).toBeLessThanOrEqual(100)
      }
    }),
  )
})
