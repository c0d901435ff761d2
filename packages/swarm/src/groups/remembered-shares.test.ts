import { expect, test } from 'vitest'
import { remembered, sharesKeptMax } from './remembered-shares.ts'

test('shares of the same speeds are computed once, and the cache is bounded', () => {
  let made = 0
  const shares = remembered((speeds) => {
    made += 1
    return speeds
  })
  for (let turn = 0; turn < 3; turn += 1) expect(shares([2, 1])).toEqual([2, 1])
  expect(made).toBe(1)
  for (let speed = 1; speed <= sharesKeptMax; speed += 1) shares([speed, 7])
  shares([2, 1])
  expect(made).toBe(sharesKeptMax + 2)
})
