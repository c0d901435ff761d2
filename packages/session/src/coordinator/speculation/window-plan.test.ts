import { expect, test } from 'vitest'
import { plainPlan, planWindows } from './window-plan.ts'

/** Four stages of 9 ms and five hops of 20 ms; each further row costs a stage 2 ms. */
const farAway = {
  latencyMs: (rows: number): number => 136 + 8 * (rows - 1),
  intervalMs: (rows: number): number => 9 + 2 * (rows - 1),
  headMs: (): number => 0,
  draftMs: (): number => 0,
}

test('drafts that are always wrong are not sent', () => {
  expect(planWindows(farAway, 0, 16)).toEqual(plainPlan)
})

test('drafts that are right fill the route', () => {
  const { rows, windows } = planWindows(farAway, 0.99, 16)
  expect(rows * windows).toBe(64)
})

test('windows are no longer than was tried', () => {
  expect(planWindows(farAway, 0.99, 4).rows).toBeLessThanOrEqual(4)
})

test('where a row costs as much as a step, one row a step is the best', () => {
  const near = {
    latencyMs: (rows: number): number => 10 * rows,
    intervalMs: (rows: number): number => 10 * rows,
    headMs: (): number => 0,
    draftMs: (): number => 0,
  }
  expect(planWindows(near, 0.9, 16)).toEqual(plainPlan)
})

test('where the head takes as long for a row as a whole step, windows have one row', () => {
  const slowHead = { ...farAway, headMs: (rows: number): number => 140 * rows }
  expect(planWindows(slowHead, 0.9, 16).rows).toBe(1)
})

test('a drafter that takes as long for a token as the whole route is not asked', () => {
  expect(planWindows({ ...farAway, draftMs: (rows: number): number => 136 * rows }, 0.6, 16)).toEqual(
    plainPlan,
  )
})
